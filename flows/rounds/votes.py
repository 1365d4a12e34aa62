"""The votes of a run on its answers: completions of its voting steps, read from the store by what they follow."""

from collections.abc import Sequence

from flows.rounds.plan_rows import by_pair, nearest_answer
from pipelines.protocols import Vote
from pipelines.steps.graph import StepGraph
from pipelines.steps.reading import fields_of
from storage.records import PlanRow
from storage.rollouts import Pair, completions_by_id, pair_of
from storage.segments.rows import Rows
from storage.workspace import Workspace


class StoredVotes:
    """Votes by the answer that they are about: the nearest one before them. `steps`: the names of the steps that vote."""

    def __init__(self, ws: Workspace, graph: StepGraph, rows: Rows[PlanRow]) -> None:
        self._ws, self._graph = ws, graph
        self.steps = [name for name, node in graph.nodes.items() if node.step.role == "vote"]
        self._of: dict[Pair, list[tuple[PlanRow, int]]] = {}
        if self.steps:
            planned = by_pair(rows)
            for row in (row for row in planned.values() if row.step in self.steps):
                self._add(row, planned)

    def _add(self, row: PlanRow, planned: dict[Pair, PlanRow]) -> None:
        gathers = self._graph.nodes[row.step].step.gather
        followed = row.followed if gathers else row.followed[:1]
        for place, cid in enumerate(followed, 1):
            about = nearest_answer(planned[cid, row.problem_id], planned, self._graph.answers)
            if about is not None:
                self._of.setdefault(pair_of(about), []).append((row, place if gathers else 0))

    def of(self, pairs: Sequence[Pair]) -> list[list[Vote]]:
        """The votes on each of these (completion, problem), in plan order."""
        cast = [self._of.get(pair, []) for pair in pairs]
        texts = completions_by_id(self._ws, {row.completion_id for votes in cast for row, _ in votes})
        return [[self._vote(row, place, texts[row.completion_id].text) for row, place in votes] for votes in cast]

    def _vote(self, row: PlanRow, place: int, text: str) -> Vote:
        step = self._graph.nodes[row.step].step
        return Vote(row.step, fields_of(text, step.read), place, step.gather)
