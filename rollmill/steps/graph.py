"""The steps of a recipe and what follows what, checked once. Knows names and places; no text and no id.

The parents of a follow-up are the steps that its template or its `when` names, those left out that another of them rests
on: `fix` that names `{solve}` and `{cut}`, where `cut` follows `solve`, follows `cut`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import OUTCOMES
from rollmill.steps.reading import check_reader
from rollmill.steps.step_template import (
    OUTCOME,
    RESERVED,
    STATES,
    TRUNCATED,
    Template,
    TemplatePlace,
    check_turns,
    names_in,
    places_of,
)

Role = Literal["answer", "step", "vote"]
Turn = Literal["new", "continue"]
ROLES: tuple[Role, ...] = ("answer", "step", "vote")
TURNS: tuple[Turn, ...] = ("new", "continue")


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition on followed completions of a step: the field (`outcome`, `truncated` or one that is read) has one of
    these values.
    """

    step: str
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepRule:
    """A step: its template and the rules by which it follows others. Roots have the defaults of all but `template`.

    `count`: draws for each followed completion or group; `most`: followed ones (or groups) of a problem, None for all.
    `gather`: one question over so many completions, in their order, 0 for one each. `repeat`: how often it may follow its
    own results, which then replace the answer that it followed. `role`: an answer is judged and may be kept, a step is not
    judged, a vote is not judged and votes on the completion that it follows. `want`: the outcome that is its success.
    `read`: fields by pattern. `raw`: no model reads the filled template. `searched`: a search decides when it is drawn, and
    from where; one that continues may also continue its own results. `sees_label`: its completions count as having seen a
    label, also where no place or condition shows it.
    """

    name: str
    template: Template = "{prompt}"
    when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    count: int = 1
    most: int | None = None
    gather: int = 0
    turn: Turn = "new"
    role: Role = "answer"
    read: Mapping[str, str] = field(default_factory=dict)
    want: str = "correct"
    repeat: int = 0
    swap: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    raw: bool = False
    searched: bool = False
    sees_label: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A step with what follows from its place in the recipe.

    `places`: those of its template and options; `named`: the steps that it names, `parents`: those of them that it follows,
    `rests_on`: all steps before it on its threads. `stands_for`: the step whose completions those of a repeated step
    replace, and `reads` its fields: its own, and those of the step that it stands for. `sees_label`: its prompt, or the
    condition of its request, depends on a reference or a verdict.
    """

    step: StepRule
    places: tuple[TemplatePlace, ...] = ()
    conditions: tuple[Condition, ...] = ()
    named: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    rests_on: frozenset[str] = frozenset()
    stands_for: str | None = None
    reads: Mapping[str, str] = field(default_factory=dict)
    sees_label: bool = False

    @property
    def plain(self) -> bool:
        """True if the step asks about the problem alone, in a text around the problem's own."""
        return not self.named and self.places == (TemplatePlace("prompt"),) and isinstance(self.step.template, str)

    @property
    def fields_put(self) -> tuple[TemplatePlace, ...]:
        """The places for fields: if a field cannot be read, the completion is not followed."""
        return tuple(place for place in self.places if place.of_a_step and place.field not in ("", "*", *STATES))


class StepGraph:
    """The steps in the recipe's order. SetupError if they do not make a graph that can be drawn."""

    def __init__(self, steps: Sequence[StepRule]) -> None:
        self.nodes: dict[str, Node] = {}
        names = [step.name for step in steps]
        for number, step in enumerate(steps):
            if step.name in self.nodes:
                raise SetupError(f"two steps are named {step.name!r}.")
            if not step.name and len(names) > 1:
                raise SetupError("a step has no name, and the recipe has several.", next_command="name: solve")
            if step.name in RESERVED:
                raise SetupError(f"a step is named {step.name!r}, which is a place of templates.")
            self.nodes[step.name] = self._node(step, names[number:])  # `_node` sees earlier steps only

    @cached_property
    def follow_ups(self) -> tuple[Node, ...]:
        """The steps that follow others, in order."""
        return tuple(node for node in self.nodes.values() if node.named)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The steps whose prompt is the problem alone."""
        return tuple(name for name, node in self.nodes.items() if not node.named)

    @cached_property
    def answers(self) -> frozenset[str]:
        """The steps whose completions are judged."""
        return frozenset(name for name, node in self.nodes.items() if node.step.role == "answer")

    @cached_property
    def votes(self) -> tuple[str, ...]:
        """The steps whose completions vote on the completion that they follow."""
        return tuple(name for name, node in self.nodes.items() if node.step.role == "vote")

    def compared(self, step: str) -> frozenset[str]:
        """The fields of a step that a condition names."""
        all_conditions = (condition for node in self.follow_ups for condition in node.conditions)
        return frozenset(condition.field for condition in all_conditions if condition.step == step)

    @cached_property
    def steps_read(self) -> frozenset[str]:
        """The steps of which a follow-up needs a field, and those that stand for them: their texts are read when it is
        planned.
        """
        used = {place.name for node in self.follow_ups for place in node.fields_put}
        all_conditions = (condition for node in self.follow_ups for condition in node.conditions)
        used |= {condition.step for condition in all_conditions if condition.field not in STATES}
        for name, node in self.nodes.items():  # in order, so a step that stands for a stand-in is one too
            if node.stands_for in used:
                used.add(name)
        return frozenset(used)

    def _node(self, step: StepRule, later: Sequence[str]) -> Node:
        """The step in its place; `later`: its own name and those of the steps behind it, which it cannot follow."""
        where = f"step {step.name!r}"
        check_turns(step.template)
        check_reader(where, step.read)
        texts = (step.template, *step.options.values())
        conditions = tuple(_condition(key, values) for key, values in step.when.items())
        for name in (*(name for text in texts for name in names_in(text)), *(condition.step for condition in conditions)):
            _refuse_later(where, name, later)  # before `places_of`, which would leave the place as plain text
        places = tuple(dict.fromkeys(place for text in texts for place in places_of(text, self.nodes, where)))
        for condition in conditions:
            self._check_condition(where, condition)
        for place in places:
            self._check_place(where, place)
        names = {place.name for place in places if place.of_a_step} | {condition.step for condition in conditions}
        if TemplatePlace("pair") in places and not names:
            names = {self._only_answer(where)}  # a pair needs a followed text
        named = tuple(name for name in self.nodes if name in names)
        own = any(place.name in ("reference", "solution", "pair") or place.field == OUTCOME for place in places)
        chosen = any(condition.field == OUTCOME for condition in conditions)
        stands_for = _stood_for(step, named, next((name for name in named if self.nodes[name].step.role == "answer"), None))
        node = Node(
            step,
            places,
            conditions,
            named,
            parents=tuple(name for name in named if not any(name in self.nodes[other].rests_on for other in named)),
            rests_on=frozenset(named).union(*(self.nodes[name].rests_on for name in named)),
            stands_for=stands_for,
            reads=dict(step.read) if stands_for is None else {**self.nodes[stands_for].reads, **step.read},
            sees_label=step.sees_label or own or chosen or any(self.nodes[name].sees_label for name in named),
        )
        if named:
            _check_follow_up(node, where, self.nodes)
        else:
            _check_root(node, where)
        return node

    def _only_answer(self, where: str) -> str:
        """The answer of a pair, if a step names none."""
        answers = [name for name, node in self.nodes.items() if node.step.role == "answer"]
        if len(answers) != 1:
            which = f"the earlier answers are {', '.join(answers)}" if answers else "no earlier step is an answer"
            raise SetupError(
                f"{where} has a place {{pair}} and names no step, and {which}.",
                next_command=f"when: {{{answers[-1]}.truncated: [yes, no]}}" if answers else "a step before it",
            )
        return answers[0]

    def _check_condition(self, where: str, condition: Condition) -> None:
        if condition.step not in self.nodes:
            raise unknown_name(f"step in `when` of {where}", condition.step, self.nodes)
        other, reads = self.nodes[condition.step].step, self.nodes[condition.step].reads
        if condition.field not in (*STATES, *reads):
            raise SetupError(
                f"{where} goes by {condition.step}.{condition.field}, which is not read.", choices=(*STATES, *reads)
            )
        if condition.field == TRUNCATED and set(condition.values) - {"yes", "no"}:
            raise unknown_name(
                f"value of {condition.step}.truncated in `when` of {where}", condition.values[0], ("yes", "no")
            )
        if condition.field != OUTCOME:
            return
        if other.role != "answer":
            raise SetupError(f"{where} depends on the outcome of {other.name!r}, which is not judged (role {other.role}).")
        for value in condition.values:
            if value not in OUTCOMES:
                raise unknown_name(f"outcome in `when` of {where}", value, OUTCOMES)

    def _check_place(self, where: str, place: TemplatePlace) -> None:
        if place.of_a_step and place.field not in ("", "*"):
            known = (*STATES, *self.nodes[place.name].reads)
            if place.field not in known:
                raise SetupError(f"{where} asks for {{{place.name}.{place.field}}}, which is not read.", choices=known)


def root(name: str = "") -> Node:
    """A step whose prompt is the problem alone; without a name, the only step of a recipe that lists none."""
    return StepGraph([StepRule(name)]).nodes[name]


def _refuse_later(where: str, name: str, later: Sequence[str]) -> None:
    """A step follows only earlier steps of the recipe, so there are no cycles."""
    if name in later:
        itself = name == later[0]
        raise SetupError(
            f"{where} names {'itself' if itself else f'{name!r}, which comes after it'}: a step follows earlier ones.",
            next_command=f"repeat: 2 lets {where} follow its own results" if itself else f"put step {name!r} before it",
        )


def _stood_for(step: StepRule, named: Sequence[str], answer: str | None) -> str | None:
    """The step whose completions those of this one replace."""
    if step.searched and step.turn == "continue":
        return named[0]  # so that it may continue its own results
    return answer if step.repeat else None


def _check_root(node: Node, where: str) -> None:
    step = node.step
    odd = [key for key in ("most", "gather", "repeat") if getattr(step, key)]
    odd += [
        f"{key}: {value}"
        for key, value, plain in (("turn", step.turn, ("new",)), ("role", step.role, ("answer", "step")))
        if value not in plain and not step.searched
    ]
    if odd:
        raise SetupError(
            f"{where} names no earlier step, so it follows nothing; {odd[0]} belongs to a follow-up.",
            next_command='template: "{prompt}\\n{SOLVE}\\nGo on.", with the name of an earlier step',
        )
    if TemplatePlace("prompt") not in node.places:
        raise SetupError(f"{where} names neither {{prompt}} nor an earlier step: every problem would be the same prompt.")


def _check_follow_up(node: Node, where: str, nodes: Mapping[str, Node]) -> None:
    step, parents = node.step, ", ".join(node.parents)
    groups = {place.name for place in node.places if place.field == "*"}
    if groups and not step.gather:
        raise SetupError(f"{where} has a place {{{min(groups)}*}} and no gather.", next_command="gather: 4")
    if step.gather and (len(node.parents) != 1 or groups - set(node.parents)):
        raise SetupError(f"{where} gathers completions of one step, and follows {parents}.")
    if step.gather and {place.name for place in node.places if place.of_a_step and place.field != "*"}:
        raise SetupError(f"{where} gathers: a step has many completions there, so write {{{parents}*}}.")
    if step.role == "vote" and "answer" not in {nodes[name].step.role for name in node.rests_on}:
        raise SetupError(f"{where} votes, and follows no answer that its votes could be about.", next_command="role: step")
    if step.repeat and node.stands_for is None:
        raise SetupError(f"{where} repeats, and names no step of role answer that its result could replace.")
    if step.turn == "continue" and (len(node.parents) != 1 or step.gather or not isinstance(step.template, str)):
        raise SetupError(f"{where} continues a text: its template is a text that follows one completion.")
    if any(place.name == "pair" for place in node.places) and (len(node.parents) != 1 or step.gather):
        raise SetupError(f"{where} has a place {{pair}}, and follows not one completion but {parents}.")


def _condition(key: str, values: Sequence[str]) -> Condition:
    """A key of `when` with its values; a step alone means its outcome. YAML reads a bare yes or no as true or false."""
    name, _, rest = key.partition(".")
    words = {"true": "yes", "false": "no"} if rest == TRUNCATED else {}
    return Condition(name, rest or OUTCOME, tuple(words.get(value, value) for value in values))


@runtime_checkable
class ChecksSteps(Protocol):
    """A budget that checks the steps of the recipe."""

    def check_steps(self, graph: StepGraph) -> None:
        """SetupError if the budget and the steps do not go together."""
