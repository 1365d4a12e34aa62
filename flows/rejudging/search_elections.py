"""Elected answers of a run that searched: for each problem the answer with the most votes of the policy. Its rate is shown
beside those of the majority of the same finished answers and of a single answer.

The trees follow from the run's plans and stored completions, so nothing is drawn, judged or written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.rejudging.reverify_target import open_target
from rollmill.ground.errors import SetupError
from rollmill.ground.pool import ballot
from rollmill.ground.records import JUDGED
from rollmill.pipelines.search.election import elected, heaviest
from rollmill.stats import Estimate, paired_difference, population_mean

if TYPE_CHECKING:
    from rollmill.ground.records import Verdict
    from rollmill.pipelines.budget.search import Search
    from rollmill.pipelines.search.tree import Tree


@dataclass(frozen=True, slots=True)
class ElectedAnswer:
    """A problem's elected answer (None without a vote), its outcome, and the outcomes of all answers of its tree."""

    problem_id: str
    cluster: str
    answer: str | None
    right: bool
    majority_right: bool
    single: float
    answers: int
    tokens: int

    @property
    def found(self) -> bool:
        """True if a finished answer is right: where it was not elected, the election failed and not the search."""
        return self.single > 0


@dataclass(frozen=True, slots=True)
class SearchElections:
    """Elections of a run. `left_out`: problems with an undecided answer, which count in no rate."""

    run: str
    policy: str
    process: str
    elections: Sequence[ElectedAnswer]
    left_out: int

    @property
    def rates(self) -> Mapping[str, Estimate]:
        """Shares of problems whose elected answer is right, whose majority is, and that have a right answer at all; the
        mean share of right answers.
        """
        columns = {
            "elected": [float(election.right) for election in self.elections],
            "majority": [float(election.majority_right) for election in self.elections],
            "single": [election.single for election in self.elections],
            "found": [float(election.found) for election in self.elections],
        }
        means = {
            name: population_mean(values, self._clusters, estimand=ESTIMANDS[name]) for name, values in columns.items()
        }
        return {name: mean for name, mean in means.items() if mean is not None}

    @property
    def gain(self) -> Estimate | None:
        """Elected less majority, paired by problem."""
        before = [float(election.majority_right) for election in self.elections]
        return paired_difference(before, [float(election.right) for election in self.elections], self._clusters)

    @property
    def missed(self) -> int:
        """Problems with a right finished answer that was not elected."""
        return sum(election.found and not election.right for election in self.elections)

    @property
    def _clusters(self) -> Sequence[str]:
        return [election.cluster for election in self.elections]


ESTIMANDS = {
    "elected": "share of problems whose elected answer is right",
    "majority": "share of problems whose most frequent finished answer is right",
    "single": "mean share of right finished answers",
    "found": "share of problems with a right finished answer",
}


def elections_of(root: Path, run_id: str | None) -> SearchElections:
    """The elections of a run (the latest without a name); SetupError for one that did not search, or is not done."""
    from rollmill.flows.rounds.planning.plan import all_plans
    from rollmill.flows.rounds.planning.search import RunSearch
    from rollmill.pipelines.budget.search import Search

    with open_target(root, run_id, dry_run=True) as target:
        run, today = target.run, target.today
        budget: Any = target.spec.budget
        if not isinstance(budget, Search):
            raise SetupError(
                f"run {run.id} elects no answer: its budget is {budget.name!r}, not 'search'.",
                next_command=f"rollmill replay {run.name}",
            )
        ended = {stop.problem_id for stop in target.workspace.runs.stops(run.id)}
        # A problem whose search goes on may still find another answer, so its election is not final.
        if len(ended) < len({problem.id for problem in target.spec.problems}):
            raise SetupError(f"run {run.id} is {run.status}: its trees are incomplete.", next_command=run.next_command)
        plans = all_plans(today)
        search = RunSearch(today)
        search.note(plans)
        rows = [row for plan in plans for row in plan if row.step == "answer"]
        verdicts = today.reader().accepted(rows, today.verifiers.planned_by)
        # Verdicts are of completions of the step `answer`; votes are of the nodes that these end.
        judged = {row.followed[0]: verdicts[row.completion_id, row.problem_id] for row in rows}
        # Problems of one template are solved and missed together, so intervals are over templates.
        clusters = {problem.id: problem.template or problem.id for problem in target.spec.problems}
        every = [_election(budget, tree, judged, clusters[tree.problem_id]) for tree in search.trees()]
    known = [election for election in every if election is not None]
    if not known:
        raise SetupError(
            f"every problem of run {run.id} has an undecided answer.", next_command=f"rollmill runs show {run.id}"
        )
    return SearchElections(run.id, budget.grown_by.name, budget.scored_by.name, known, len(every) - len(known))


def _election(budget: "Search", tree: "Tree", judged: Mapping[str, "Verdict"], cluster: str) -> ElectedAnswer | None:
    """The election of a tree; None if an answer of it is undecided."""
    mine = {node.id: judged[node.id] for node in tree.finished if node.id in judged}
    # An undecided answer may be right: counting the problem as either would bias every rate.
    if any(verdict.outcome not in JUDGED for verdict in mine.values()):
        return None
    keys = {node: ballot(verdict) for node, verdict in mine.items()}
    # By key: a key is right if any completion with it was judged right.
    right = {key for node, key in keys.items() if key is not None and mine[node].outcome == "correct"}
    answer = elected(budget.grown_by, budget.scored_by, tree, keys)
    outcomes = [mine[node].outcome == "correct" for node in mine]
    return ElectedAnswer(
        tree.problem_id,
        cluster,
        answer,
        answer in right,
        # The same election with equal weights, so that the difference is due to the policy's votes alone.
        heaviest((key, 1.0) for key in keys.values()) in right,
        sum(outcomes) / len(outcomes) if outcomes else 0.0,
        len(mine),
        tree.tokens,
    )
