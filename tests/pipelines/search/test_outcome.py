"""The process that reads verdicts, and the election that refuses it."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.budget import reads_verdicts
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.search.election import elected
from rollmill.pipelines.search.partial import Partial
from rollmill.pipelines.search.policies.best_of_n import BestOfN
from rollmill.pipelines.search.processes.lines import Lines
from rollmill.pipelines.search.processes.outcome import Outcome
from rollmill.pipelines.search.processes.rollouts import Rollouts
from rollmill.pipelines.search.tree import ROOT, Tree, TreeNode

PROBLEM = Problem(prompt="What is 2 + 3?", reference="5")


def partial(text: str, outcome: str | None) -> Partial:
    return Partial(text, True, 4, outcome=outcome)


def test_a_finished_answer_is_worth_its_verdict_and_an_unfinished_one_the_estimate() -> None:
    ended = [partial("2 + 3 = 6", outcome) for outcome in ("correct", "incorrect", "unparsed", "undecided", None)]
    begun = [Partial("2 + 3 = 6", False, 4), Partial("2 + 3 = 5", False, 4)]
    assert list(Outcome().scores(PROBLEM, [begun[0], *ended])) == [0.5, 1.0, 0.0, 0.0, 0.5, 0.5]
    hybrid = Outcome(estimate=[Lines()])
    assert list(hybrid.scores(PROBLEM, [begun[0], ended[0], begun[1]])) == [0.02, 1.0, 0.98]


@pytest.mark.parametrize("estimate", [[Rollouts()], [Outcome()], [Lines(), Lines()]])
def test_an_estimate_draws_nothing_and_reads_no_verdict(estimate: object) -> None:
    with pytest.raises(SetupError, match="must be one process that draws nothing and reads no verdicts"):
        Outcome(estimate=estimate)


def test_only_a_search_with_this_process_depends_on_verdicts() -> None:
    assert [reads_verdicts(Search(process=process)) for process in ("outcome", "lines", "rollouts")] == [True, False, False]
    assert reads_verdicts(Search) is None


def test_the_elected_answer_has_the_most_votes_and_never_rests_on_a_label() -> None:
    nodes = tuple(
        TreeNode(cid, ROOT, 1, 0, True, score, 1, 1) for cid, score in zip("abcd", (0.9, 0.2, 0.3, 0.1), strict=True)
    )
    tree, answers = Tree("toy", nodes), {"a": "4", "b": "5", "c": "5", "d": None}
    assert elected(BestOfN(by="vote"), Lines(), tree, answers) == "5"
    assert elected(BestOfN(), Lines(), tree, answers) == "4"
    assert elected(BestOfN(), Lines(), tree, {"a": None}) is None
    with pytest.raises(SetupError, match="process 'outcome' reads verdicts, so the votes of its search elect no answer"):
        elected(BestOfN(), Outcome(), tree, answers)
