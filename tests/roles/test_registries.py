"""Methods of installed packages: imported when looked up, refused where two have one name, recorded with their package."""

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from rollmill import installed
from rollmill.flows.recipe.methods import resolve
from rollmill.flows.recipe.user_files import packages_of
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.pipelines.verify import verify
from rollmill.roles import registries
from rollmill.roles.registries import REGISTRIES, registry
from tests.installed import Install

MODULE = '''
"""Verifier `polite`: whether a text says please."""

from rollmill.ground.records import Verdict

class Polite:
    name, version = "polite", "3"
    def __init__(self, word="please"):
        self.word = word
    def verify(self, problem, completion):
        outcome = "correct" if self.word in completion.text else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule="word")
    def verify_many(self, items):
        return (self.verify(*item) for item in items)
    def close(self):
        pass
'''
MODULES = {"polite_module": MODULE}
POINTS = {"verifiers": "polite = polite_module:Polite"}


def test_a_method_of_a_package_is_named_like_the_products_own(install: Install, tmp_path: Path) -> None:
    install("rollmill-polite", points=POINTS, modules=MODULES)
    known = registry("verifier")
    assert "polite" in known
    assert {name for name in known if not known.is_ours(name)} == {"polite"}
    assert (known.sources("polite"), known.sources("math")) == (["rollmill-polite 1.0"], ["rollmill"])
    assert "polite_module" not in sys.modules
    method = resolve("verifier", "polite", {"word": "bitte"}, base=tmp_path)
    assert method.cls.__module__ == "polite_module"
    assert [found.outcome for found in verify([("Pass it.", "", "please")], verifier="polite")] == ["correct"]
    with pytest.raises(SetupError) as error:
        resolve("verifier", "polit", {}, base=tmp_path)
    assert "Did you mean 'polite'" in error.value.message
    assert {"polite", "math"} <= set(error.value.choices)


def test_package_version_and_file_are_part_of_what_is_recorded(install: Install, tmp_path: Path) -> None:
    info = install("rollmill-polite", points=POINTS, modules=MODULES)
    digest = sha256_text(MODULE)
    method = resolve("verifier", "polite", {}, base=tmp_path)
    recorded = {"source_sha256": digest, "source_package": "rollmill-polite 1.0"}
    assert method.canonical() == {"method": "polite", "options": {"word": "please"}, **recorded}
    built = method.build()
    assert built.version == f"3+rollmill-polite-1.0+file.{digest[:8]}"
    assert method.built_as(built, built.version)
    assert packages_of({"verify": [{"method": "all_of", "options": {"verifiers": [method.canonical()]}}]}) == [
        "rollmill-polite 1.0"
    ]
    [part] = resolve("verifier", "all_of", {"verifiers": [method.canonical()]}, base=tmp_path).parts["verifiers"]
    assert part.canonical() == method.canonical()
    info.rename(info.with_name("gone"))
    install("rollmill-polite", "1.1", points=POINTS)
    assert resolve("verifier", "polite", {}, base=tmp_path).build().version == f"3+rollmill-polite-1.1+file.{digest[:8]}"


def test_methods_of_the_product_have_no_package(tmp_path: Path) -> None:
    assert resolve("verifier", "number", {}, base=tmp_path).origin() == {}


def test_a_method_of_the_shelf_is_recorded_as_the_products_own(tmp_path: Path) -> None:
    """It keeps its verdicts, wherever it lies: neither its module nor its package is part of what identifies it."""
    method = resolve("synthesizer", "goals", {}, base=tmp_path)
    assert method.cls.__module__ == "rollmill_proofs.goals"
    assert method.origin() == {}
    assert "rollmill_proofs" not in json.dumps(method.canonical())


def test_a_name_that_the_absent_shelf_may_have_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError) as error:
        resolve("verifier", "prooof", {}, base=tmp_path)
    assert "'proof'" in error.value.message
    assert error.value.next_command is None
    monkeypatch.setattr(registries, "entry_points", dict)
    with pytest.raises(SetupError) as error:
        resolve("verifier", "proof", {}, base=tmp_path)
    assert error.value.next_command is not None
    assert error.value.next_command.startswith("pip install 'rollmill[methods]'")


@pytest.mark.parametrize(
    ("packages", "name", "message"),
    [
        (["a-b"], "math", "verifier 'math' is in rollmill and in a-b 1.0."),
        (["a-b", "c-d"], "polite", "verifier 'polite' is in a-b 1.0 and in c-d 1.0."),
    ],
)
def test_one_name_of_two_sources_is_a_mistake_that_names_both(
    install: Install, tmp_path: Path, packages: list[str], name: str, message: str
) -> None:
    for package in packages:
        install(package, points={"verifiers": f"{name} = polite_module:Polite"})
    with pytest.raises(SetupError) as error:
        resolve("verifier", name, {}, base=tmp_path)
    assert sorted(error.value.message) == sorted(message)
    assert error.value.next_command is not None
    assert error.value.next_command.startswith("pip uninstall ")
    assert registry("verifier")["number"].name == "number"  # others are as they were


@pytest.mark.parametrize(
    ("point", "text", "problem"),
    [
        (
            "polite_module:Polite",
            "import nowhere_at_all",
            "cannot import 'polite_module': No module named 'nowhere_at_all'",
        ),
        ("polite_module:Polite", "1 / 0", "polite_module cannot be loaded: ZeroDivisionError: division by zero"),
        ("polite_module:Polit", MODULE, "module 'polite_module' has no attribute 'Polit'"),
        ("polite_module", MODULE, "polite_module is not a class"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named(
    install: Install, tmp_path: Path, point: str, text: str, problem: str
) -> None:
    install("rollmill-polite", "2.1", points={"verifiers": f"polite = {point}"}, modules={"polite_module": text})
    with pytest.raises(SetupError) as error:
        resolve("verifier", "polite", {}, base=tmp_path)
    assert error.value.message == f"verifier 'polite' of the package rollmill-polite 2.1: {problem}."
    assert error.value.next_command == "pip install --upgrade rollmill-polite, or pip uninstall rollmill-polite"


def test_entry_points_are_read_once(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(path: list[str]) -> Iterable[Distribution]:
        calls.append(1)
        return distributions(path=path)

    monkeypatch.setattr(installed, "distributions", counted)
    for role in REGISTRIES:
        registry(role)
    assert calls == [1]


def test_a_verb_of_the_product_reads_no_entry_points() -> None:
    code = "import sys; from rollmill.flows import cli; cli.run(['runs', '--help'])\n"
    code += "sys.exit('rollmill.installed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
