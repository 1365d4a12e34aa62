"""Every number has one home: manifest, card, gate, command line, dashboard scope and re-verification say the same."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.queries import Reader, pass_rates
from rollmill.storage.queries import funnel as funnel_of_scope
from rollmill.storage.queries.scope import dataset_scope, run_scope
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Run

pytestmark = pytest.mark.integration

# Draws two of each problem, then four more of those that it has not seen solved: adaptive, and no option `initial`.
OWN = """\
from rollmill.roles.protocols import Draw, RoundPlan, Stop


class Again:
    name = "again"
    version = "1"
{stated}

    def plan(self, round_index, tallies):
        ordered = sorted(tallies, key=lambda tally: tally.problem_id)
        wished = {{t.problem_id: 2 if not t.drawn else 4 if t.drawn == 2 and not t.correct else 0 for t in ordered}}
        draws = [Draw(t.problem_id, t.drawn, wished[t.problem_id]) for t in ordered if wished[t.problem_id]]
        stops = [Stop(t.problem_id, "trial_cap") for t in ordered if not wished[t.problem_id]]
        return RoundPlan(tuple(draws), tuple(stops))
"""
SAME = """\
from rollmill.pipelines.verify.number import NumberVerifier


class Same(NumberVerifier):
    name = "same"
"""
BUDGETS = {
    "fixed": ("{initial: 3}", 3),
    "uniform": ("{initial: 3, target: 2, cap: 8}", 3),
    "prop2diff": ("{initial: 3, target: 2, cap: 8}", 3),
    "gvm": ("{initial: 3, main: 4, cap: 16}", 3),
    "sequential": ("{initial: 3, target: 2, cap: 8}", 3),
    "passuntil": ("{initial: 3, passes: 2, cap: 8}", 3),
    "own.py:Again": ("{}", 2),
    "frontier": ("{probe: 4, cap: 4}", 0),
}


def recipe(folder: Path, method: str, options: str) -> None:
    text = RECIPE.replace("min_kept: 10", "min_kept: 0").replace("method: prop2diff", f"method: {method}")
    (folder / "toy.yaml").write_text(text.replace("options: {initial: 4, target: 3, cap: 16}", f"options: {options}"))


def stated(prefix: Any, estimator: str) -> str:
    return OWN.format(stated=f"    prefix = {prefix}\n    estimator = {estimator!r}")


@pytest.mark.parametrize("method", BUDGETS)
def test_every_budget_has_one_number_everywhere(toy: Path, rollmill: Run, method: str) -> None:
    options, prefix = BUDGETS[method]
    (toy / "own.py").write_text(stated(2, "prefix"))
    (toy / "same.py").write_text(SAME)
    recipe(toy, method, options)
    (toy / "toy.yaml").write_text((toy / "toy.yaml").read_text().replace("method: number", "method: same.py:Same"))
    result = rollmill("curate", "toy.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    metrics, funnel = outcome["metrics"], outcome["funnel"]
    rates = {int(level): (row["judged"], row["pass_rate"]) for level, row in metrics["levels"].items()}
    assert metrics["prefix"] == prefix
    assert sum(judged for judged, _ in rates.values()) == prefix * 12 < funnel["drawn"] + (method == "fixed")
    facts = json.loads((Path(outcome["path"]) / "report.json").read_text())["facts"]
    assert {row["level"]: (row["measured"], row["rate"]) for row in facts["levels"]} == rates
    names = ("drawn", "correct", "incorrect", "unparsed", "undecided", "kept")
    counted = {name: funnel[name] for name in names}
    assert {**{name: facts["funnel"].get(name) for name in names}, **facts["funnel"]["outcomes"]} == counted
    with Workspace.open(toy) as workspace:
        reader = Reader(workspace)
        for scope in (run_scope(reader, outcome["run"]), dataset_scope(reader, "toy@v1")):
            assert scope.prefix == prefix
            rows = asdict(funnel_of_scope(scope))
            assert {name: rows["planned" if name == "drawn" else name] for name in names} == counted
            assert rows["dropped_by_reason"] == funnel["dropped"]
            for row in pass_rates(scope):  # levels that were drawn
                rate = None if row.estimate is None else row.estimate.value
                assert (row.judged, rate) == pytest.approx(rates[int(str(row.group))])
    check_pages(rollmill, outcome, rates)
    if method == "sequential":
        check_selected(rollmill, outcome)
    check_reverified(toy, rollmill, prefix, rates)


def check_pages(rollmill: Run, outcome: dict[str, Any], told: dict[int, tuple[int, float | None]]) -> None:
    """The command line and the card show the manifest's numbers."""
    page = rollmill("curate", "toy.yaml", "--direct").out
    assert ("No rates: the step that every problem is asked is not judged" in page) == (outcome["metrics"]["prefix"] == 0)
    card = (Path(outcome["path"]) / "README.md").read_text()
    for level, (_, rate) in told.items():
        shown = "-" if rate is None else f"{rate:.3f}"
        assert f"\n  {level:>5}  {shown:>9}" in page
        assert f"| levels.{level}.pass_rate | {rate} |" in card


def check_selected(rollmill: Run, outcome: dict[str, Any]) -> None:
    """The run's own selection, made again from its rollouts, keeps and drops what the manifest says, level by level."""
    result = rollmill("select", outcome["run"], "--json")
    assert result.status == 0, result.err
    row = json.loads(result.out)
    funnel, levels = outcome["funnel"], outcome["metrics"]["levels"]
    for side in (row, row["before"]):
        assert (side["kept"], side["dropped"]) == (funnel["kept"], funnel["dropped"])
        assert {level: side["levels"][level] for level in levels} == {level: of["kept"] for level, of in levels.items()}
    assert row["moves"] == []


def check_reverified(toy: Path, rollmill: Run, prefix: int, told: dict[int, tuple[int, float | None]]) -> None:
    """Judged again by an edited file that says the same: the rates before and after are the manifest's."""
    (toy / "same.py").write_text(SAME + "# edited\n")
    result = rollmill("reverify", "--json")
    assert result.status == 0, result.err
    report = json.loads(result.out)
    assert report["prefix"] == prefix
    for level, (_, rate) in told.items():
        row = report["rates"]["levels"][str(level)]
        assert row["difference"] == 0
        if prefix:
            assert row["before"] == row["after"] == rate


def test_a_search_over_levels_is_compared_on_first_completions(toy: Path, rollmill: Run) -> None:
    (toy / "sly.py").write_text(SLY.format(right="'correct'"))
    recipe(toy, "frontier", "{probe: 4, cap: 4}")
    (toy / "toy.yaml").write_text((toy / "toy.yaml").read_text().replace("method: number", "method: sly.py:Sly"))
    assert rollmill("curate", "toy.yaml", "--direct").status == 0
    (toy / "sly.py").write_text(SLY.format(right="'incorrect'"))
    result = rollmill("reverify", "--json")
    assert result.status == 0, result.err
    report = json.loads(result.out)
    assert report["prefix"] == 0
    overall = report["rates"]["overall"]
    assert (overall["before"], overall["after"]) == (1.0, 0.0)
    assert "the first completion (none was fixed before verdicts)" in rollmill("reverify").out


SLY = """\
from dataclasses import replace

from rollmill.pipelines.verify.number import NumberVerifier


class Sly(NumberVerifier):
    name = "sly"

    def verify(self, problem, completion):
        return replace(super().verify(problem, completion), outcome={right})
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    pass", "budget 'own.py:Again' has no 'prefix': the completions that round 0 draws of every problem"),
        ("    prefix = -1", "has no 'prefix'"),
        ("    prefix = 2", "has estimator None and prefix 2"),
        ("    prefix = 0\n    estimator = 'prefix'", "without a prefix, none. Valid: prefix, path_counting, none."),
    ],
)
def test_a_budget_that_does_not_say_what_it_fixes_draws_nothing(toy: Path, rollmill: Run, body: str, words: str) -> None:
    (toy / "own.py").write_text(OWN.format(stated=body))
    recipe(toy, "own.py:Again", "{}")
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert words in result.err
    assert result.out == ""
