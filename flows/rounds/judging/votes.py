"""The verdicts of a run that wait for votes: judged once everything is drawn, of the votes that are stored then.

Until then such a verifier counts as undecided, so a plan follows from the other verdicts alone. The plan determines the
votes, so the version of such a verdict contains a digest of the plan and belongs to it alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from rollmill.flows.rounds.drawing.commit import verdict_segments
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.outcomes import store_missing_outcomes
from rollmill.flows.rounds.plan_rows import answers_of, links_of, together
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, PlanRow, Verdict
from rollmill.pipelines.verify.acceptance import missing_verdicts
from rollmill.pipelines.verify.judging import judge
from rollmill.roles.protocols import Verifier
from rollmill.steps.cast_votes import CastVotes
from rollmill.steps.graph import StepGraph
from rollmill.storage.rollouts import IncompleteRound, completions_by_id, pair_of, verdicts_by_pair
from rollmill.storage.segments.rows import Rows
from rollmill.storage.workspace import Workspace

GROUP = 4_096  # rows judged and committed together


def stored_votes(ws: Workspace, graph: StepGraph, rows: Rows[PlanRow]) -> CastVotes:
    """The votes among these rows of a run, all of them; SetupError if one is planned and not drawn."""

    def texts(ids: Collection[str]) -> Mapping[str, Completion]:
        try:
            return completions_by_id(ws, ids)
        except IncompleteRound as error:
            run = rows[0].run
            raise SetupError(
                f"votes of run {run} are not there: {error}.", next_command=f"rollmill runs resume {run}"
            ) from None

    return CastVotes(graph, links_of(rows) if graph.votes else {}, texts)


def read_votes(run: OpenRun) -> None:
    """Give the votes of the current plan to the run's verifiers that read votes."""
    if run.verifiers.deferred and run.spec.follows:
        planned = together(run.workspace.runs.plans(run.id))
        run.verifiers.take_votes(stored_votes(run.workspace, run.spec.graph, planned))


def judge_by_votes(run: OpenRun) -> int:
    """The verdicts that wait for votes, made of those there are and committed; how many. Nothing for other runs.

    Call it after drawing: the verdicts are final. A killed command left whole groups of rows, and the next one
    judges the others.
    """
    if not run.verifiers.deferred:
        return 0
    read_votes(run)
    rows, count = answers_of(run.spec, together(run.workspace.runs.plans(run.id))), 0
    with run.verifiers.pool.reserve() as chain:
        for start in range(0, len(rows), GROUP):
            verdicts = list(_missing(run, chain, list(rows[start : start + GROUP])))
            if verdicts:
                run.workspace.segments.commit_many(verdict_segments(verdicts), run=run.id)
            count += len(verdicts)
    store_missing_outcomes(run, rows, before=0, judged=len(rows))
    return count


def _missing(run: OpenRun, chain: Sequence[Verifier], rows: Sequence[PlanRow]) -> Iterator[Verdict]:
    """Verdicts that the policies need on these rows and that are not stored."""
    policies, keys = run.spec.policies(), run.verifiers.chain
    known = verdicts_by_pair(run.workspace, keys, [pair_of(row) for row in rows])
    pairs = {
        pair_of(row): None
        for row in rows
        if any(missing_verdicts(policy, keys, known.get(pair_of(row), {})) for policy in policies)
    }
    texts = completions_by_id(run.workspace, {completion for completion, _ in pairs})
    items = [(run.spec.problem(problem), texts[completion]) for completion, problem in pairs]
    yield from judge(chain, items, known, policies)
