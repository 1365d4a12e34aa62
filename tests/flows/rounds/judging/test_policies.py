"""Rounds under policies: who judges what, what is left for a second run, and by which policy the budget counts."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import decide, run_all
from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.verify.acceptance import PLAIN, POLICIES, Policy
from tests.flows.rounds.toy import ToyVerifier, content, spec, workspace

pytestmark = pytest.mark.integration

FIXED: dict[str, Any] = {"budget": Fixed(initial=4)}
ALL_OF: Policy = POLICIES["all_of"]()


def run_toy(path: Path, run: str = "toy-run", **changes: Any) -> Any:
    with workspace(path, run) as ws, spec(run, **(FIXED | changes)).open(ws) as part:
        results = run_all(part)
        return decide(part), content(ws), results


def test_side_by_side_every_verifier_judges_every_row_once(tmp_path: Path) -> None:
    first, second = list[str](), list[str]()
    chain = (partial(ToyVerifier, seen=first.append), partial(ToyVerifier, name="second", doubt="So", seen=second.append))
    report, rows, _ = run_toy(tmp_path, verifiers=chain, accept=ALL_OF)
    assert sorted(first) == sorted(second) == sorted(row[0] for row in rows["completions"])
    assert len(rows["verdicts"]) == 2 * len(first) == 64
    assert {decision.verifier for decision in report.decisions} == {"policy:all_of"}
    plain, _, _ = run_toy(tmp_path / "plain", verifiers=chain[:1])
    assert report.funnel.undecided > 0
    assert report.funnel.correct + report.funnel.undecided == plain.funnel.correct
    assert report.funnel.incorrect == plain.funnel.incorrect


def test_after_a_chain_only_what_it_did_not_ask_is_judged(tmp_path: Path) -> None:
    first, second = list[str](), list[str]()
    chain = (
        partial(ToyVerifier, doubt="So", seen=first.append),
        partial(ToyVerifier, name="second", seen=second.append),
    )
    run_toy(tmp_path, verifiers=chain)
    asked = set(second)
    assert (len(first), 0 < len(asked) < 32) == (32, True)
    first.clear()
    second.clear()
    _, rows, results = run_toy(tmp_path, "other", verifiers=chain, accept=ALL_OF)
    assert first == []
    assert sorted({row[0] for row in rows["completions"]} - asked) == sorted(second)
    assert (results[0].drawn, results[0].judged) == (0, len(second))


@pytest.mark.parametrize("policy", [PLAIN, ALL_OF])
def test_a_second_run_judges_nothing(tmp_path: Path, policy: Policy) -> None:
    texts: list[str] = []
    chain = (partial(ToyVerifier, doubt="So", seen=texts.append), partial(ToyVerifier, name="second", seen=texts.append))
    first, _, _ = run_toy(tmp_path, verifiers=chain, accept=policy)
    texts.clear()
    again, _, _ = run_toy(tmp_path, verifiers=chain, accept=policy)
    assert (texts, again.created, again.decisions) == ([], False, first.decisions)


def test_the_budget_counts_by_the_policy_that_the_run_was_planned_under(tmp_path: Path) -> None:
    adaptive: dict[str, Any] = {"budget": DarsUniform(initial=4, target=2, cap=8)}
    chain = (partial(ToyVerifier), partial(ToyVerifier, name="second", doubt="So"))
    _, plain, _ = run_toy(tmp_path / "plain", verifiers=chain, **adaptive)
    _, strict, _ = run_toy(tmp_path / "strict", verifiers=chain, accept=ALL_OF, **adaptive)
    assert len(strict["completions"]) > len(plain["completions"])
    report, kept_plan, _ = run_toy(tmp_path / "both", verifiers=chain, accept=ALL_OF, planned_under=PLAIN, **adaptive)
    assert kept_plan["plan"] == plain["plan"]
    assert {decision.verifier for decision in report.decisions} == {"policy:all_of"}
    assert len(kept_plan["verdicts"]) == 2 * len(kept_plan["completions"])


def test_a_policy_that_counts_on_a_stranger_stops_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="counts on verifier 'third'"):
        run_toy(tmp_path, accept=POLICIES["any_of"](over=["third"]))
    with workspace(tmp_path) as ws:
        assert content(ws)["completions"] == []
