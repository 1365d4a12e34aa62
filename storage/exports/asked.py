"""What the steps of a version asked, rebuilt from its recipe and its rows by the same functions that asked it in the run.

The one part of storage that knows steps: templates are filled nowhere else (pipelines/steps).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pipelines.marks import has_marks, unmarked
from pipelines.steps.follow import Link, Threads
from pipelines.steps.graph import Node, StepGraph
from pipelines.steps.reading import fields_of
from pipelines.steps.recorded import recorded_graph
from pipelines.steps.templates import Facts, Filling, StepText, filled
from storage.exports.threads import ProblemThreads
from storage.exports.write import Row
from storage.recipe_steps import recorded_steps
from storage.records import Prompt
from storage.segments.schema import prompt_from_json
from storage.threads import Turn

__all__ = ["Questions", "graph_of", "has_marks", "label_seeing_steps", "unmarked"]


class Questions:
    """What was asked for each completion of one problem. `graph`: the steps of the version's recipe."""

    def __init__(self, graph: StepGraph, problem: ProblemThreads) -> None:
        self._graph, self._problem = graph, problem

    @cached_property
    def _threads(self) -> Threads:
        """Only where something follows: a version without steps has turns of a step without a name."""
        return Threads(
            self._graph, [Link(turn.completion_id, turn.step, turn.after) for turn in self._problem.turns.values()]
        )

    def prompt_of(self, completion_id: str) -> Prompt | None:
        """The problem's own prompt for what follows nothing; None where no model was asked.

        What goes on from a text was asked what that text was asked.
        """
        turn, row = self._problem.turns[completion_id], self._problem.rows[completion_id]
        node = self._graph.nodes.get(turn.step)
        if node is None or not node.named:
            return prompt_from_json(row["prompt"])
        if node.step.turn == "continue":
            return self._question(self._threads.source(turn.step, turn.after))
        return None if node.step.raw else self._filled(turn, row, node)

    def stands_alone(self, completion_id: str) -> bool:
        """Whether it was asked without a word of what it follows: a condition alone let it be asked."""
        node = self._graph.nodes.get(self._problem.turns[completion_id].step)
        return (
            node is not None
            and bool(node.named)
            and not any(place.of_a_step or place.name == "pair" for place in node.places)
        )

    def _question(self, completion_id: str) -> Prompt | None:
        """What was asked for a text that goes on; of one that no model was asked for, for the text that it is made of."""
        turn = self._problem.turns[completion_id]
        node = self._graph.nodes.get(turn.step)
        if node is None or not node.step.raw:
            return self.prompt_of(completion_id)
        return self._question(self._threads.source(turn.step, turn.after))

    def _filled(self, turn: Turn, row: Row, node: Node) -> Prompt:
        thread = self._threads.before(turn.step, turn.after)
        earlier = {name: self._step_text(cid) for name, cid in thread.items()}
        group = [self._step_text(cid) for cid in self._threads.group(turn.completion_id)]
        pairs = any(place.name == "pair" for place in node.places)
        filling = Filling(
            prompt_from_json(row["prompt"]),
            row["reference"],
            earlier,
            node.parents[0],
            group,
            # As the run asked: every second sample was shown a pair the other way round.
            swapped=pairs and node.step.swap and row["sample_index"] % 2 == 1,
        )
        return filled(node.step.template, node.named, filling)

    def _step_text(self, completion_id: str) -> StepText:
        row = self._problem.rows[completion_id]
        read = self._graph.nodes[row["step"]].step.read
        fields = fields_of(row["text"], read) if read else {}
        return StepText(row["text"], Facts(row["planned"], row["finish_reason"] == "length", fields))


def label_seeing_steps(recipe: Mapping[str, Any]) -> frozenset[str]:
    """The steps whose completions saw a label, by what they were asked or by whether they were asked."""
    return frozenset(name for name, node in graph_of(recipe).nodes.items() if node.sees_label)


def graph_of(recipe: Mapping[str, Any]) -> StepGraph:
    """The steps of a recorded recipe, as they were when it was drawn."""
    return recorded_graph(recorded_steps(recipe))
