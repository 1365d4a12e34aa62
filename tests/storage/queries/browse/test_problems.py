"""Finding problems and opening one."""

from dataclasses import replace
from operator import attrgetter
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.stats import fit_prior
from rollmill.storage.queries import Filters, Listing, problem_detail, run_scope, search_problems
from rollmill.storage.segments.keys import SegmentKey

pytestmark = pytest.mark.integration

DONE = "toy-aaaaaaaa"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), [0, 1, 2, 3, 4, 5]),
        (Filters(text="ann HAS 3"), [3]),
        (Filters(text='"red" apples'), [0, 1, 2, 3, 4, 5]),
        (Filters(text="apples\nand É"), [0, 1, 2, 3, 4, 5]),
        (Filters(text="ext-4"), [4]),
        (Filters(text="100% _"), []),
        (Filters(level=(2,)), [1, 3, 5]),
        (Filters(level=(2,), skill=("skill-0",)), [3]),
        (Filters(template=("template-5",)), [5]),
        (Filters(outcome=("unparsed",)), [5]),
        (Filters(outcome=("correct",)), [1, 2, 3, 4, 5]),
        (Filters(lowest=0.5, highest=0.75), [2, 3]),
        (Filters(highest=0.0), [0]),
        (Filters(lowest=1.0), [4, 5]),
    ],
)
def test_filters(curated: Any, filters: Filters, found: list[int]) -> None:
    page = search_problems(run_scope(curated.reader, DONE), filters)
    assert sorted(int(row.reference) for row in page.rows) == found
    assert page.total == len(found)


def test_a_row_has_counts_over_the_prefix_and_over_everything(curated: Any) -> None:
    (row,) = search_problems(run_scope(curated.reader, DONE), Filters(text="ext-5")).rows
    assert row.prompt == 'Ann has 5 "red" apples\nand é more. How many?'
    assert (row.rollouts, row.correct, row.judged, row.kept, row.rate) == (8, 4, 4, 2, 1.0)
    assert row.outcomes == ("correct", "incorrect", "unparsed")
    assert (row.level, row.skill, row.template, row.external_id) == (2, "skill-2", "template-5", "ext-5")


def test_pages_come_by_level_and_cover_everything_once(curated: Any) -> None:
    scope = run_scope(curated.reader, DONE)
    pages = [search_problems(scope, listing=Listing(number, 4)) for number in (1, 2, 9)]
    assert [(page.page, page.pages, page.total, len(page.rows)) for page in pages] == [
        (1, 2, 6, 4),
        (2, 2, 6, 2),
        (2, 2, 6, 2),
    ]
    assert [row.level for page in pages[:2] for row in page.rows] == [1, 1, 1, 2, 2, 2]
    assert len({row.id for page in pages[:2] for row in page.rows}) == 6


@pytest.mark.parametrize("by", ["level", "pass rate", "shrunken", "judged", "kept", "skill", "problem", "id"])
def test_every_order_sorts_all_matches_and_not_only_a_page(curated: Any, by: str) -> None:
    scope = run_scope(curated.reader, DONE)
    value = attrgetter({"pass rate": "rate", "problem": "prompt"}.get(by, by))
    for descending in (False, True):
        pages = [search_problems(scope, None, Listing(number, 2, by, descending)) for number in (1, 2, 3)]
        rows = [row for page in pages for row in page.rows]
        known = [value(row) for row in rows if value(row) is not None]
        assert known == sorted(known, reverse=descending)
        assert [value(row) is None for row in rows] == sorted(value(row) is None for row in rows)  # without one: last
        assert len({row.id for row in rows}) == 6


def test_an_unknown_order_is_named(curated: Any) -> None:
    with pytest.raises(SetupError, match="unknown order of problems 'colour'"):
        search_problems(run_scope(curated.reader, DONE), None, Listing(by="colour"))


def test_a_problem_opens_with_all_its_rollouts(curated: Any) -> None:
    owner = curated.problems[3]
    detail = problem_detail(run_scope(curated.reader, DONE), owner.id)
    assert detail.problem == owner
    assert [(rollout.sample_index, rollout.outcome, rollout.kept, rollout.reason) for rollout in detail.rollouts[1:5]] == [
        (1, "correct", True, "kept"),
        (2, "correct", False, "quota"),
        (3, "incorrect", False, "not correct"),
        (4, "incorrect", False, "not correct"),
    ]
    first = detail.rollouts[0]
    assert first.completion is not None
    assert (first.completion.text, first.label) == ("text c3-0", True)
    assert first.deciding is not None
    assert (first.deciding.rule, first.deciding.extracted, len(first.verdicts)) == ("last number", "7", 1)


def test_a_rollout_under_way_opens_without_a_decision(curated: Any, live_run: Any) -> None:
    live_run(curated, verifiers=[["strict", "1"]])
    detail = problem_detail(run_scope(curated.reader, "toy-bbbbbbbb"), curated.problems[1].id)
    assert [(rollout.outcome, rollout.kept, rollout.deciding, len(rollout.verdicts)) for rollout in detail.rollouts] == [
        ("pending", None, None, 1)
    ] * 4


def test_an_unknown_problem_is_refused(curated: Any) -> None:
    with pytest.raises(SetupError, match=f"{DONE} has no problem 'nobody'"):
        problem_detail(run_scope(curated.reader, DONE), "nobody")


def test_rates_are_shrunken_towards_all_problems_of_the_scope(curated: Any) -> None:
    every = search_problems(run_scope(curated.reader, DONE))
    prior = fit_prior([0, 1, 2, 3, 4, 4], [4] * 6)  # the prefix of four
    assert (every.prior, every.fitted) == (prior, 6)
    by_reference = {row.reference: row for row in every.rows}
    assert by_reference["0"].rate == 0.0
    assert by_reference["0"].shrunken == pytest.approx(prior.a / (4 + prior.a + prior.b))
    assert 0.0 < by_reference["0"].shrunken < by_reference["1"].shrunken < by_reference["4"].shrunken < 1.0
    assert search_problems(run_scope(curated.reader, DONE), Filters(highest=0.0)).rows[0] == by_reference["0"]


def test_a_rollout_accepted_by_a_policy_names_it_and_no_verdict_as_deciding(curated: Any, decisions: Any) -> None:
    named = [
        replace(decision, verifier="policy:all_of", verifier_version="1 over=number,math")
        for decision in decisions(curated, kept=True)
    ]
    curated.ws.segments.commit(SegmentKey("decisions", "toy-aaaaaaaa", "1", "anew"), named, run="toy-aaaaaaaa")
    shown = problem_detail(run_scope(curated.reader, "toy-aaaaaaaa"), curated.problems[1].id).rollouts[0]
    assert (shown.deciding, shown.accepted_by) == (None, "policy:all_of 1 over=number,math")
    assert (shown.outcome, len(shown.verdicts)) == ("correct", 1)
