"""Checks of scorers and verifiers that read the votes of a step: the recipe must have the votes, and in time."""

from collections.abc import Iterator, Sequence
from typing import Any

from rollmill.flows.recipe.methods import OF, MethodSpec, parameters
from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget import reads_verdicts
from rollmill.roles.protocols import VOTES, GroupScorer, ReadsVotes
from rollmill.steps.graph import Node, StepGraph
from rollmill.steps.step_template import OUTCOME


def scores_votes(scorer: MethodSpec) -> bool:
    """True if a scorer is computed from the votes of a step that its option `of` names."""
    return _reads_votes(scorer.cls) and OF in parameters(scorer.cls)


def _reads_votes(scorer: type[Any]) -> bool:
    needs = scorer.needs if isinstance(scorer, GroupScorer) else ()
    return isinstance(needs, tuple) and VOTES in needs  # a property, of some classes, has no value before it is built


def _judges_by_votes(verifier: MethodSpec) -> bool:
    return issubclass(verifier.cls, ReadsVotes)


def check_scorer(graph: StepGraph, scorer: MethodSpec) -> None:
    """SetupError if a scorer reads votes that the recipe lacks, or does not declare that they depend on a label."""
    node, referenced = _voting(graph, scorer), bool(scorer.options.get("referenced"))
    # A vote that saw the reference would leak it into an election, so the recipe must say so itself.
    if node.sees_label != referenced:
        sees = "sees" if node.sees_label else "does not see"
        raise SetupError(
            f"step {node.step.name!r} {sees} a reference or a verdict, and scorer {scorer.name!r} says referenced: "
            f"{str(referenced).lower()}.",
            next_command=f"referenced: {str(node.sees_label).lower()}; such numbers may elect no answer",
        )


def check_verdicts(graph: StepGraph, verifiers: Sequence[MethodSpec], budget: MethodSpec) -> None:
    """SetupError if a verifier reads votes that the recipe lacks, or if drawing would have to wait for them."""
    for method in verifiers:
        # The outer verifier judges during drawing and would ask the inner one before there are votes.
        for inner in _inside(method):
            if _judges_by_votes(inner):
                raise SetupError(
                    f"verifier {inner.name!r} stands inside {method.name!r}: it judges later than the others.",
                    next_command=f"verify: [..., {{method: {inner.name}}}], and accept: {{method: {method.name}}}",
                )
        of_a_step = _judges_by_votes(method) and OF in parameters(method.cls)
        if of_a_step and _voting(graph, method).step.gather:
            raise SetupError(
                f"verifier {method.name!r} reads votes that choose from a group: each is about the others too.",
                next_command="scorer votes and selector elected; or a step that votes on one completion",
            )
    # With one other verifier, drawing goes by its verdicts.
    if verifiers and all(map(_judges_by_votes, verifiers)):
        _check_steers_nothing(graph, verifiers[0], budget)


def _check_steers_nothing(graph: StepGraph, verifier: MethodSpec, budget: MethodSpec) -> None:
    """If all verifiers read votes, nothing is judged during drawing."""
    goes_by = [f"step {node.step.name!r}" for node in graph.follow_ups if _goes_by_outcome(node)]
    if reads_verdicts(budget.cls):
        goes_by.append(f"budget {budget.name!r}")
    if goes_by:
        raise SetupError(
            f"{goes_by[0]} depends on verdicts, and verifier {verifier.name!r} judges once everything is drawn.",
            next_command="verify: [{method: judge}], which judges during drawing; or another verifier before it",
        )


def _goes_by_outcome(node: Node) -> bool:
    fields = [condition.field for condition in node.conditions] + [place.field for place in node.places]
    # A searched step that sees a label belongs to a process that reads verdicts.
    return OUTCOME in fields or (node.step.searched and node.step.sees_label)


def _inside(method: MethodSpec) -> Iterator[MethodSpec]:
    for parts in method.parts.values():
        for part in parts:
            yield part
            yield from _inside(part)


def _voting(graph: StepGraph, method: MethodSpec) -> Node:
    """The step whose votes a method reads."""
    step, _, field = str(method.options.get(OF, "")).partition(".")
    voting = {name: node for name, node in graph.nodes.items() if node.step.role == "vote"}
    if step not in voting or field not in voting[step].step.read:
        known = [f"{name}.{read}" for name, node in voting.items() for read in node.step.read]
        raise SetupError(
            f"{method.role} {method.name!r} reads {method.options.get(OF)!r}, which no step with role vote gives.",
            choices=known,
            next_command=None if known else "a step with role: vote and read: {score: 'SCORE (\\d)'}",
        )
    return voting[step]
