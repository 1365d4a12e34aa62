"""Methods that a manifest names: what runs of them, and what is refused. Every hostile module would write a file."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.methods import resolve
from rollmill.flows.recipe.user_files import NotTrusted, StoredMethods, files_of
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.installed import entry_points
from rollmill.pipelines import own_code
from rollmill.pipelines.own_code import trusting
from rollmill.roles.registries import registry

VERIFIER = """
from pathlib import Path
Path({canary!r}).write_text("it ran")

class Mine:
    name, version = "mine", "1"
    def __init__(self, word="please"): pass
    def verify(self, problem, completion): pass
    def verify_many(self, items): return iter(())
    def close(self): pass
"""


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is there once hostile code ran; the person's lists are empty, and modules of the test are forgotten."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(own_code, "_remembered", set())
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path / "canary"
    for name in set(sys.modules) - before:
        if name.startswith("hostile"):
            del sys.modules[name]


def stored(tmp_path: Path, recipe: dict[str, Any], files: dict[str, Any] | None = None) -> StoredMethods:
    base, folder = tmp_path / "clone", tmp_path / "kept"
    base.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    return StoredMethods("theirs@v1", recipe, files or {}, base, folder)


def part(method: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "options": {}, **more}


@pytest.mark.parametrize(
    "name",
    [
        "hostile.py:Mine",
        "./hostile.py:Mine",
        "hostile:Mine",
        "hostile_package.inner:Mine",
        "antigravity:Mine",
        "os:PathLike",
    ],
)
@pytest.mark.parametrize("recorded", [True, False])
def test_no_file_module_or_installed_module_of_a_manifest_is_imported(
    tmp_path: Path, canary: Path, name: str, recorded: bool
) -> None:
    text = VERIFIER.format(canary=str(canary))
    digest = sha256_text(text)
    (tmp_path / "clone/hostile_package").mkdir(parents=True)
    for place in ("hostile.py", "hostile_package/__init__.py", "hostile_package/inner.py"):
        (tmp_path / "clone" / place).write_text(text)
    mine = part(name, **({"source_sha256": digest} if recorded else {}))
    methods = stored(tmp_path, {"verify": [mine]}, {digest: {"file": "hostile.py", "text": text}})
    modules = set(sys.modules)
    with pytest.raises(NotTrusted, match="it is not run"):
        methods.resolve("verifier", mine)
    # As a part of a method of ours, written out or as a name alone.
    for inner in ([mine, part("number")], name):
        with pytest.raises(NotTrusted):
            methods.resolve("verifier", part("all_of", options={"verifiers": inner}))
    with pytest.raises(NotTrusted):
        methods.require_own()
    assert "antigravity" not in set(sys.modules) - modules
    assert not canary.exists()


def test_a_text_that_is_not_the_recorded_one_is_no_code_of_ones_own(tmp_path: Path, canary: Path) -> None:
    own = "class Mine:\n    name, version = 'mine', '1'\n"
    own_code.remember(sha256_text(own))
    text = VERIFIER.format(canary=str(canary))
    mine = part("hostile.py:Mine", source_sha256=sha256_text(own))
    methods = stored(tmp_path, {"verify": [mine]}, {sha256_text(own): {"file": "hostile.py", "text": text}})
    (tmp_path / "clone/hostile.py").write_text(text)
    with pytest.raises(SetupError, match="changed since"):
        methods.resolve("verifier", mine)
    assert not canary.exists()


def test_a_file_that_a_recipe_of_ones_own_named_is_ones_own(tmp_path: Path, canary: Path) -> None:
    text = VERIFIER.format(canary=str(canary))
    (tmp_path / "hostile.py").write_text(text)
    method = resolve("verifier", "hostile.py:Mine", {}, base=tmp_path)
    assert canary.read_text() == "it ran"
    assert own_code.own_list().stat().st_mode & 0o777 == 0o600
    recipe = {"verify": [method.canonical()]}
    kept = files_of(recipe, tmp_path)
    assert stored(tmp_path, recipe, kept).resolve("verifier", method.canonical()).source_sha256 == sha256_text(text)
    own_code.own_list().chmod(0o622)
    with pytest.raises(SetupError, match="is not yours alone"):
        own_code.is_own(sha256_text(text))


@pytest.mark.parametrize("role", ["budget", "scorer", "synthesizer", "engine", "aggregator", "learner"])
def test_a_trusted_file_of_another_role_is_not_run(tmp_path: Path, canary: Path, role: str) -> None:
    text = VERIFIER.format(canary=str(canary))
    mine = part("hostile.py:Mine", source_sha256=sha256_text(text))
    methods = stored(tmp_path, {"x": mine}, {sha256_text(text): {"file": "hostile.py", "text": text}})
    with trusting([sha256_text(text)]), pytest.raises(NotTrusted, match="it is not run"):
        methods.resolve(role, mine)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("role", "recorded", "told"),
    [
        ("verifier", part("code", options={"sandbox": "none"}), "runs programs without the sandbox"),
        (
            "verifier",
            part("all_of", options={"verifiers": [part("code", options={"sandbox": "none"}), part("number")]}),
            "without",
        ),
        ("verifier", part("judge", options={"engine": "openai", "model": "theirs"}), "asks a model"),
        ("synthesizer", part("templates", options={"templates": ["hostile.py:Mine"]}), "it is not run"),
    ],
)
def test_options_that_reach_out_are_the_persons_alone(
    tmp_path: Path, canary: Path, role: str, recorded: dict[str, Any], told: str
) -> None:
    methods = stored(tmp_path, {"verify": [recorded]})
    (tmp_path / "clone/hostile.py").write_text(VERIFIER.format(canary=str(canary)))
    with pytest.raises(NotTrusted, match=told):
        methods.resolve(role, recorded)
    if role == "verifier":  # the same, once a recipe of the person's said so
        resolve(role, recorded["method"], recorded["options"], base=tmp_path)
        methods.resolve(role, recorded)
    assert not canary.exists()


def test_metadata_in_a_clone_registers_no_method(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "clone"
    info = clone / "hostile-1.0.dist-info"
    info.mkdir(parents=True)
    (clone / "rollmill.toml").touch()
    (clone / "hostile.py").write_text(VERIFIER.format(canary=str(canary)))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rollmill.verifiers]\nhostile = hostile:Mine\n")
    monkeypatch.chdir(clone)
    for entry in ("", str(clone)):  # `python -m`, and a recipe there that names a file
        monkeypatch.setattr(sys, "path", [entry, *sys.path])
        entry_points.cache_clear()
        try:
            assert "hostile" not in registry("verifier")
        finally:
            entry_points.cache_clear()
    assert not canary.exists()
