"""`rollmill methods`: every method with its source, those of a package and of a file too, and which cannot be used."""

import json
from pathlib import Path

import pytest

from rollmill.installed import entry_points
from rollmill.kinds import KINDS
from rollmill.roles.registries import REGISTRIES, SHELF, registry
from tests.flows.conftest import ROOT, Run
from tests.installed import Install

pytestmark = pytest.mark.integration
MODULE = """
class Rhymes:
    '''Whether lines rhyme. In English.'''
"""


def test_all_methods_are_listed_by_kind_with_one_sentence(rollmill: Run) -> None:
    result = rollmill("methods", "--json")
    assert result.status == 0
    rows = json.loads(result.out)
    wanted = [(place.kind, name) for role, place in REGISTRIES.items() for name in registry(role)]
    wanted += [("kinds", verb) for verb in KINDS]
    wanted += [(group, name) for group in ("verbs", "pages") for name in entry_points()[group]]
    assert [(row["kind"], row["method"]) for row in rows] == wanted
    assert {row["source"].split()[0] for row in rows} == {"rollmill", *SHELF}
    assert [row for row in rows if not row["line"]] == []
    number = next(row for row in rows if (row["kind"], row["method"]) == ("verifiers", "number"))
    assert number["line"] == "One plain number against another, as exact rationals."
    halving, brackets = (row["line"] for row in rows if row["method"] in ("halving", "brackets"))
    assert halving == "The best arm by sequential halving: rounds that each drop the worse half of the arms."
    assert brackets.startswith("The best of the winners of sequential halving on random subsets")
    lines = rollmill("methods", "selectors").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["selectors", name] for name in registry("selector")]


def test_a_kind_that_there_is_not_is_named_with_those_there_are(rollmill: Run) -> None:
    result = rollmill("methods", "verifier")
    assert result.status == 2
    assert (
        "unknown kind of method 'verifier'. Did you mean 'verifiers'? Valid: aggregators, allocators, budgets" in result.err
    )


def test_methods_of_packages_are_listed_with_their_package(rollmill: Run, install: Install) -> None:
    install("rollmill-rhymes", "0.3", points={"verifiers": "rhymes = rhymes:Rhymes"}, modules={"rhymes": MODULE})
    result = rollmill("methods", "verifiers", "--json")
    assert result.status == 0
    assert json.loads(result.out)[-1] == {
        "kind": "verifiers",
        "method": "rhymes",
        "source": "rollmill-rhymes 0.3",
        "line": "Whether lines rhyme.",
    }


def test_a_method_that_cannot_be_used_is_in_the_list_and_the_command_says_why(
    rollmill: Run,
    install: Install,
) -> None:
    install("rollmill-a", points={"verifiers": "odd = rollmill_a:Odd", "scorers": "length = rollmill_a:Odd"})
    install("rollmill-b", modules={"rollmill_a": "import nowhere_at_all"})
    result = rollmill("methods", "--json")
    assert result.status == 2
    rows = [row for row in json.loads(result.out) if row["method"] in ("odd", "length")]
    assert [(row["kind"], row["source"]) for row in rows] == [
        ("verifiers", "rollmill-a 1.0"),
        ("scorers", "rollmill"),
        ("scorers", "rollmill-a 1.0"),
    ]
    broken = "verifier 'odd' of the package rollmill-a 1.0: cannot import 'rollmill_a': No module named 'nowhere_at_all'."
    assert rows[0]["line"] == broken
    assert rows[1]["line"] == "scorer 'length' is in rollmill and in rollmill-a 1.0."
    assert f"{broken} Next: pip install --upgrade rollmill-a, or pip uninstall rollmill-a" in result.err


def test_the_methods_of_a_file_are_those_with_every_call_of_their_kind(rollmill: Run, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text((ROOT / "tests/toys.py").read_text())
    result = rollmill("methods", "--file", str(tmp_path / "toys.py"), "--json")
    assert result.status == 0
    assert [(row["kind"], row["method"], row["source"]) for row in json.loads(result.out)] == [
        ("synthesizers", "toys.py:ToyProblems", str(tmp_path / "toys.py")),
        ("engines", "toys.py:Toy", str(tmp_path / "toys.py")),
        ("engines", "toys.py:ToyEngine", str(tmp_path / "toys.py")),
    ]
    missing = rollmill("methods", "--file", "nowhere.py")
    assert (missing.status, missing.err) == (2, "rollmill: no file nowhere.py. Next: rollmill methods --file FILE.py\n")
