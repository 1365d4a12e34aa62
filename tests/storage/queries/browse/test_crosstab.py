"""Matches by two facets: literal cells of the toy run, and random rollouts against a count by hand."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Decision, Outcome, PlanRow, Problem, Verdict
from rollmill.metrics import NO_RATES
from rollmill.stats import population_mean
from rollmill.storage.queries import ExploreIndex, Filters, Reader, run_scope
from rollmill.storage.queries.browse.crosstab import MOST, RESULTS, Crosstab, crosstab, no_rates_reason
from rollmill.storage.queries.browse.explore import FACETS, Listing, Matching
from rollmill.storage.queries.browse.explore_index import explore_index
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.storage.queries.conftest import DONE, Milled

pytestmark = pytest.mark.integration

Numbers = dict[tuple[str, str], tuple[int, int, float | None]]
"""Problems, rollouts and rate of each cell."""


@pytest.fixture
def toy(curated: Milled) -> Iterator[ExploreIndex]:
    index = explore_index(run_scope(curated.reader, DONE))
    yield index
    index.close()


def numbers(table: Crosstab) -> Numbers:
    return {
        (cell.row, cell.column): (
            cell.problems,
            cell.rollouts,
            cell.rate.estimate.value if cell.rate and cell.rate.estimate else None,
        )
        for cell in table.cells
    }


def test_each_cell_is_the_mean_over_its_problems_in_the_prefix(toy: ExploreIndex) -> None:
    # Problem n has n of its 8 completions right, the first ones: min(n, 4) of 4 in the prefix.
    table = crosstab(toy, Filters(), "level", "skill")
    assert (table.rows, table.no_rates) == (("1", "2"), "")
    assert sorted(table.columns) == ["skill-0", "skill-1", "skill-2"]
    assert numbers(table) == {
        ("1", "skill-0"): (1, 8, 0.0),  # problem 0
        ("1", "skill-1"): (1, 8, 1.0),  # problem 4
        ("1", "skill-2"): (1, 8, 0.5),  # problem 2
        ("2", "skill-0"): (1, 8, 0.75),  # problem 3
        ("2", "skill-1"): (1, 8, 0.25),  # problem 1
        ("2", "skill-2"): (1, 8, 1.0),  # problem 5
    }
    of_models = crosstab(toy, Filters(), "model", "level")
    assert numbers(of_models) == {("m", "1"): (3, 24, 0.5), ("m", "2"): (3, 24, pytest.approx(2 / 3))}
    [first, _] = of_models.cells
    assert first.rate is not None
    assert first.rate.estimate == population_mean(
        [0.0, 0.5, 1.0], estimand="mean pass rate of problems from these templates"
    )
    assert (first.rate.judged, first.rate.correct, first.rate.undecided) == (12, 6, 0)


def test_a_cell_ignores_what_is_chosen_in_its_own_facets(toy: ExploreIndex) -> None:
    every = crosstab(toy, Filters(), "level", "skill")
    assert crosstab(toy, Filters(level=(1,), skill=("skill-2",)), "level", "skill") == every
    some = crosstab(toy, Filters(level=(1,), skill=("skill-2",)), "level", "source")
    assert numbers(some) == {("1", "none"): (1, 8, 0.5), ("2", "none"): (1, 8, 1.0)}


def test_cells_of_results_are_counts_without_a_rate(toy: ExploreIndex) -> None:
    table = crosstab(toy, Filters(), "outcome", "level")
    assert "(outcome)" in table.no_rates
    assert numbers(table) == {
        ("correct", "1"): (2, 6, None),
        ("correct", "2"): (3, 9, None),
        ("incorrect", "1"): (3, 18, None),
        ("incorrect", "2"): (3, 14, None),
        ("unparsed", "2"): (1, 1, None),
    }
    assert table.rows == ("incorrect", "correct", "unparsed")
    of_correct = crosstab(toy, Filters(), "correct", "level")
    assert of_correct.rows == ("0 of 4", "1 of 4", "2 of 4", "3 of 4", "4 of 4")
    chosen = crosstab(toy, Filters(outcome=("unparsed",)), "level", "skill")
    assert "(outcome)" in chosen.no_rates
    assert numbers(chosen) == {("2", "skill-2"): (1, 1, None)}


def test_a_text_of_problems_leaves_rates_and_one_of_completions_none(toy: ExploreIndex) -> None:
    of_problems = crosstab(toy, Filters(text="has 3"), "level", "skill")
    assert numbers(of_problems) == {("2", "skill-0"): (1, 8, 0.75)}
    of_completions = crosstab(toy, Filters(text="c3-", within="completions"), "level", "skill")
    assert "the text of completions" in of_completions.no_rates
    assert numbers(of_completions) == {("2", "skill-0"): (1, 8, None)}


@pytest.mark.parametrize("facet", RESULTS)
def test_every_facet_of_results_leaves_no_rate(facet: str) -> None:
    assert facet in FACETS
    assert no_rates_reason(4, Filters(), ("level", facet)).startswith("No rates: ")
    assert no_rates_reason(4, Filters(outcome=("mixed",)), ("level", "skill")).startswith("No rates: ")
    assert no_rates_reason(4, Filters(level=(1,), model=("m",)), ("level", "skill")) == ""


def test_draws_of_a_stopping_rule_have_no_rate(toy: ExploreIndex) -> None:
    assert no_rates_reason(0, Filters(), ("level", "skill")) == NO_RATES
    every = crosstab(toy, Filters(over="all"), "level", "skill")
    assert every.no_rates.startswith("No rates over all completions: those beyond the first 4 ")
    assert {cell.rate for cell in every.cells} == {None}
    assert no_rates_reason(None, Filters(over="all"), ("level", "skill")) == ""  # of imports all count
    unfixed = explore_index(replace(toy.scope, prefix=0))
    assert {cell.rate for cell in crosstab(unfixed, Filters(), "level", "skill").cells} == {None}
    unfixed.close()


def test_one_facet_twice_is_our_mistake(toy: ExploreIndex) -> None:
    with pytest.raises(ValueError, match="no two facets: 'level' and 'level'"):
        crosstab(toy, Filters(), "level", "level")


@dataclass(frozen=True)
class Drawn:
    """A random rollout with the values of its facets."""

    problem: int
    index: int
    model: str
    outcome: Outcome
    facets: dict[str, str]


PREFIX = 2
MODELS = ("small", "large")
OUTCOMES: tuple[Outcome, ...] = ("correct", "incorrect", "unparsed", "undecided")


@pytest.fixture
def randomly(tmp_path: Path) -> Iterator[tuple[ExploreIndex, list[Drawn]]]:
    """An index of 60 problems of 15 templates, six completions each, two of them in the prefix."""
    draw, run = random.Random(5), "random-cccccccc"
    problems = [
        Problem(f"q{n}", str(n), level=draw.choice([None, 1, 2, 10]), skill=f"s{n % 3}", template=f"t{draw.randrange(15)}")
        for n in range(60)
    ]
    drawn = []
    for n, problem in enumerate(problems):
        facets = {"level": str(problem.level or "none"), "skill": str(problem.skill), "template": str(problem.template)}
        for index in range(6):
            model = MODELS[index % 2]
            drawn.append(Drawn(n, index, model, draw.choice(OUTCOMES), {**facets, "model": model}))
    with Workspace.init(tmp_path / "random") as ws, Reader.open(tmp_path / "random") as reader:
        recipe = {"name": "random", "generate": {"engine": "embedded"}, "prefix": PREFIX}
        ws.runs.open(run, name="random", recipe=recipe, recipe_hash="c" * 64)
        ws.segments.commit(SegmentKey("problems", "templates", "1", "all"), problems)
        _store(ws, run, problems, drawn)
        made = explore_index(run_scope(reader, run))
        yield made, drawn
        made.close()


def _store(ws: Workspace, run: str, problems: list[Problem], drawn: list[Drawn]) -> None:
    rows, completions, verdicts, decisions = [], [], [], []
    for place, one in enumerate(drawn):
        owner, cid, at = problems[one.problem], f"c{one.problem}-{one.index}", one.index
        rows.append(PlanRow(run, 0, 0, place, owner.id, owner.prompt_id, cid, at, at))
        completions.append(
            Completion(cid, owner.prompt_id, "embedded", one.model, "d", "curate", at, at, cid, "stop", 5, 7)
        )
        verdicts.append(Verdict(cid, owner.id, "number", "1", one.outcome, "last number"))
        kept = one.outcome == "correct"
        reason = "kept" if kept else "not correct"
        decisions.append(Decision(run, owner.id, cid, "quota", "1", kept, reason, one.outcome, "number", "1"))
    ws.runs.commit_plan(run, 0, rows, [])
    ws.segments.commit_many(
        [
            (SegmentKey("completions", "embedded", "d", "b0"), completions),
            (SegmentKey("verdicts", "number", "1", "b0"), verdicts),
        ],
        run=run,
    )
    ws.segments.commit(SegmentKey("decisions", run, "1", "x"), decisions, run=run)


@pytest.mark.parametrize(("rows", "columns"), list(permutations(("level", "skill", "template", "model"), 2)))
def test_cells_are_those_of_a_count_by_hand(randomly: tuple[ExploreIndex, list[Drawn]], rows: str, columns: str) -> None:
    index, drawn = randomly
    table = crosstab(index, Filters(), rows, columns)
    templates = sorted({one.facets["template"] for one in drawn})
    assert len(templates) > MOST
    for side, facet, more in ((table.rows, rows, table.more_rows), (table.columns, columns, table.more_columns)):
        values = {one.facets[facet] for one in drawn}
        assert len(side) == min(MOST, len(values))
        assert len(side) + more == len(values)
        by_count = sorted(values, key=lambda value: -sum(one.facets[facet] == value for one in drawn))
        least = min(sum(one.facets[facet] == value for one in drawn) for value in side)
        assert all(sum(one.facets[facet] == value for one in drawn) <= least for value in set(by_count) - set(side))
    if rows == "level":
        assert table.rows == ("1", "2", "10", "none")
    cells = {(cell.row, cell.column): cell for cell in table.cells}
    for row in table.rows:
        for column in table.columns:
            mine = [one for one in drawn if (one.facets[rows], one.facets[columns]) == (row, column)]
            assert ((row, column) in cells) == bool(mine)
            if mine:
                cell = cells[row, column]
                assert (cell.problems, cell.rollouts) == (len({one.problem for one in mine}), len(mine))
                _same_rate(cell.rate and cell.rate.estimate, mine, whole="template" in (rows, columns))


def _same_rate(estimate: object, mine: list[Drawn], *, whole: bool) -> None:
    """The estimate is the mean over problems. Clusters are templates; problems in a cell of one template (`whole`)."""
    rates, clusters = [], []
    for problem in sorted({one.problem for one in mine}):
        judged = [
            one.outcome == "correct"
            for one in mine
            if one.problem == problem and one.index < PREFIX and one.outcome != "undecided"
        ]
        if judged:
            rates.append(sum(judged) / len(judged))
            clusters.append(None if whole else next(one.facets["template"] for one in mine if one.problem == problem))
    by_hand = population_mean(rates, clusters)
    if by_hand is None:
        assert estimate is None
        return
    names = ("value", "low", "high", "n", "clusters")
    got = {name: getattr(estimate, name) for name in names}
    assert got == {name: pytest.approx(getattr(by_hand, name), abs=1e-12) for name in names}


def test_a_run_without_a_rollout_has_an_empty_index(curated: Milled) -> None:
    curated.ws.runs.open("new-cccccccc", name="new", recipe={}, recipe_hash="c" * 64)
    index = explore_index(run_scope(curated.reader, "new-cccccccc"))
    table = crosstab(index, Filters(), "level", "skill")
    assert (table.rows, table.columns, table.cells) == ((), (), ())
    with index.cursor() as cursor:
        assert Matching(index, cursor, Filters()).problems(Listing()).rows == ()
    index.close()
