"""Prompts of the steps of a version, rebuilt from its recipe and its rows with the functions of the run.

The one part of storage that knows steps: templates are filled nowhere else (rollmill/steps).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rollmill.ground.formats.marks import has_marks, unmarked
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.ground.records import Prompt
from rollmill.ground.threads import Turn
from rollmill.steps.follow import Link, Threads
from rollmill.steps.graph import Node, StepGraph
from rollmill.steps.reading import fields_of
from rollmill.steps.recorded import recorded_graph
from rollmill.steps.step_template import Facts, Filling, StepText, filled
from rollmill.storage.exports.thread_rows import ProblemThreads
from rollmill.storage.exports.write import Row
from rollmill.storage.segments.schema import prompt_from_json

__all__ = ["Questions", "graph_of", "has_marks", "label_seeing_steps", "unmarked"]


class Questions:
    """Prompts of the completions of one problem. `graph`: the steps of the version's recipe."""

    def __init__(self, graph: StepGraph, problem: ProblemThreads) -> None:
        self._graph, self._problem = graph, problem

    @cached_property
    def _threads(self) -> Threads:
        """The problem's threads, used for follow-ups only: in a version without steps, turns have an unnamed step."""
        return Threads(
            self._graph, [Link(turn.completion_id, turn.step, turn.after) for turn in self._problem.turns.values()]
        )

    def prompt_of(self, completion_id: str) -> Prompt | None:
        """The problem's own prompt for a completion that follows nothing; None if no model was asked.

        A continuation has the prompt of the text that it continues.
        """
        turn, row = self._problem.turns[completion_id], self._problem.rows[completion_id]
        node = self._graph.nodes.get(turn.step)
        if node is None or not node.named:
            return prompt_from_json(row["prompt"])
        # Before `raw`, which a continuing step is too: its model was asked, with the prompt of its source.
        if node.step.turn == "continue":
            return self._question(self._threads.source(turn.step, turn.after))
        return None if node.step.raw else self._filled(turn, row, node)

    def stands_alone(self, completion_id: str) -> bool:
        """True for a prompt without any text of the followed completions: only a condition depended on them."""
        node = self._graph.nodes.get(self._problem.turns[completion_id].step)
        return (
            node is not None
            and bool(node.named)
            and not any(place.of_a_step or place.name == "pair" for place in node.places)
        )

    def _question(self, completion_id: str) -> Prompt | None:
        """Prompt of a continued text; for a text that no model drew, the prompt of its source text."""
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
            # As in the run: every second sample was shown a pair in reverse order.
            swapped=pairs and node.step.swap and row["sample_index"] % 2 == 1,
        )
        return filled(node.step.template, node.named, filling)

    def _step_text(self, completion_id: str) -> StepText:
        row = self._problem.rows[completion_id]
        reads = self._graph.nodes[row["step"]].reads
        fields = fields_of(row["text"], reads) if reads else {}
        # The outcome at planning, with which the prompt was rendered: the final one may differ.
        return StepText(row["text"], Facts(row["planned"], row["finish_reason"] == "length", fields))


def label_seeing_steps(recipe: Mapping[str, Any]) -> frozenset[str]:
    """The steps whose completions saw a label, in their prompt or through a condition."""
    return frozenset(name for name, node in graph_of(recipe).nodes.items() if node.sees_label)


def graph_of(recipe: Mapping[str, Any]) -> StepGraph:
    """The steps of a recorded recipe, as at the time of its draws."""
    return recorded_graph(recorded_steps(recipe))
