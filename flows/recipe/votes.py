"""Scorers and verifiers that go by the votes of a step: whether the recipe has these, and in time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.recipe.methods import MethodSpec
from flows.recipe.schema import Method
from flows.recipe.steps import goes_by_verdicts
from pipelines.steps.graph import Node, StepGraph
from pipelines.steps.templates import OUTCOME
from storage.errors import SetupError

VOTES = "votes"


def check_scorer(graph: StepGraph, options: Mapping[str, Any]) -> None:
    """SetupError where a scorer reads votes that there are not, or does not say that they rest on a label."""
    node = _voting(graph, options, "scorer")
    if node.sees_label != bool(options.get("referenced")):
        sees = "sees" if node.sees_label else "does not see"
        raise SetupError(
            f"step {node.step.name!r} {sees} a reference or a verdict, and scorer 'votes' says referenced: "
            f"{str(bool(options.get('referenced'))).lower()}.",
            next_command=f"referenced: {str(node.sees_label).lower()}; such numbers may elect no answer",
        )


def check_verdicts(graph: StepGraph, verifiers: Sequence[MethodSpec], budget: Method) -> None:
    """SetupError where a verifier reads votes that there are not, or where what is drawn would have to wait for them."""
    for method in verifiers:
        for inner in _inside(method):
            if inner.name == VOTES:
                raise SetupError(
                    f"verifier 'votes' stands inside {method.name!r}: it judges later than the others.",
                    next_command=f"verify: [..., {{method: votes}}], and accept: {{method: {method.name}}}",
                )
        if method.name == VOTES and _voting(graph, method.options, "verifier").step.gather:
            raise SetupError(
                "verifier 'votes' reads votes that choose from a group: each is about the others too.",
                next_command="scorer votes and selector elected; or a step that votes on one completion",
            )
    if verifiers and all(method.name == VOTES for method in verifiers):
        _check_steers_nothing(graph, budget)


def _check_steers_nothing(graph: StepGraph, budget: Method) -> None:
    """With votes alone nothing is judged while it is drawn."""
    goes_by = [f"step {node.step.name!r}" for node in graph.follow_ups if _goes_by_outcome(node)]
    if goes_by_verdicts(budget):
        goes_by.append(f"budget {budget.method!r}")
    if goes_by:
        raise SetupError(
            f"{goes_by[0]} goes by verdicts, and verifier 'votes' judges once everything is drawn.",
            next_command="verify: [{method: judge}], which judges at once; or another verifier before it",
        )


def _goes_by_outcome(node: Node) -> bool:
    fields = [condition.field for condition in node.conditions] + [place.field for place in node.places]
    return OUTCOME in fields


def _inside(method: MethodSpec) -> Iterator[MethodSpec]:
    for parts in method.parts.values():
        for part in parts:
            yield part
            yield from _inside(part)


def _voting(graph: StepGraph, options: Mapping[str, Any], role: str) -> Node:
    """The step whose votes are read."""
    step, _, field = str(options.get("of", "")).partition(".")
    voting = {name: node for name, node in graph.nodes.items() if node.step.role == "vote"}
    if step not in voting or field not in voting[step].step.read:
        known = [f"{name}.{read}" for name, node in voting.items() for read in node.step.read]
        raise SetupError(
            f"{role} 'votes' reads {options.get('of')!r}, which no step with role vote gives.",
            choices=known,
            next_command=None if known else "a step with role: vote and read: {score: 'SCORE (\\d)'}",
        )
    return voting[step]
