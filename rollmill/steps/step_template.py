"""The template of a step: a text or turns of a conversation, with places for the problem and for earlier completions.

| place | what is put there |
|---|---|
| `{prompt}`, `{reference}` | the problem's text; its reference answer, which makes the step one that sees labels |
| `{solution}` | the worked solution that an import kept of the problem; it sees labels too |
| `{STEP}` | the text that an earlier step of this recipe gave |
| `{STEP.FIELD}` | a field that the step reads out of its texts; `outcome` and `truncated` every step has |
| `{STEP*}` | all texts of a gathered group, numbered from 1 |
| `{pair}` | the reference and the followed text, in an order that changes with the sample index; if the step names no
other, the only earlier answer is followed |

Braces around anything else mean themselves. Places are filled once and never evaluated, so a text with braces is a text.
A model's text is enclosed in marks that it cannot contain, so it cannot end its own block. In a turn of the assistant it is
unchanged, since it is the model's own text there.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.marks import block, free_mark
from rollmill.ground.formats.prompt_template import PLACE, fill_template, plain_text
from rollmill.ground.records import Message, Prompt

ROLES = ("system", "user", "assistant", "tool")
OUTCOME, TRUNCATED = STATES = ("outcome", "truncated")
"""Facts about every followed completion besides its text: the verdict's outcome; whether it was cut off (yes, no)."""
RESERVED = ("prompt", "reference", "solution", "pair")
_PLACE = re.compile(r"\{([a-z0-9][a-z0-9_-]*)(\*|\.[a-z_][a-z0-9_]*)?\}")
_ONE_LINE = 200  # characters of a field that stands in a sentence; a longer one, or one of several lines, gets a block

Template = str | tuple[tuple[str, str], ...]
"""A text, or (role, text) turns."""


class TemplatePlace(NamedTuple):
    """A place of a template: `name` is reserved or a step; `field` "" is the text, "*" the group."""

    name: str
    field: str = ""

    @property
    def of_a_step(self) -> bool:
        """True if an earlier step fills this place."""
        return self.name not in RESERVED


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a completion besides its text: the outcome, for answers; whether it was cut off; the fields read.

    `failed`: an engine without a model could not process its input; such a completion is not followed.
    """

    outcome: str | None = None
    truncated: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False

    def value(self, name: str) -> str | None:
        """A field by its name, or a fact that every step has; None if it could not be read."""
        if name == OUTCOME:
            return self.outcome
        return ("yes" if self.truncated else "no") if name == TRUNCATED else self.fields.get(name)


@dataclass(frozen=True, slots=True)
class StepText:
    """The text of a followed completion, and the facts about it."""

    text: str
    facts: Facts = field(default_factory=Facts)


def names_in(template: Template) -> list[str]:
    """Names in the braces of a template that could be steps."""
    return [name for text in _texts(template) for name, _ in _PLACE.findall(text)]


def place_alone(value: object) -> str | None:
    """The name in a text that is one place and nothing else; None for every other value."""
    match = _PLACE.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else match[1]


def places_of(template: Template, steps: Collection[str], where: str = "the template") -> list[TemplatePlace]:
    """The places of a template in order, each once; SetupError for one that nearly names something."""
    places = [TemplatePlace(name, rest.lstrip(".")) for text in _texts(template) for name, rest in _PLACE.findall(text)]
    for place in places:
        # A misspelt place would reach the model as plain text, braces and all.
        if place.name not in (*RESERVED, *steps) and (near := get_close_matches(place.name, (*RESERVED, *steps), 1, 0.8)):
            raise SetupError(
                f"{where} has {{{place.name}}}, which names no earlier step.",
                choices=(*RESERVED[:3], *steps),
                next_command=f"write {{{near[0]}}}",
            )
    return list(dict.fromkeys(place for place in places if place.name in (*RESERVED, *steps)))


def check_turns(template: Template) -> None:
    """SetupError for turns of roles that no model has."""
    for role, _ in () if isinstance(template, str) else template:
        if role not in ROLES:
            raise SetupError(f"a turn of a template has role {role!r}.", choices=ROLES)


class Filling(NamedTuple):
    """Values for the places of a template: the problem's prompt and reference, the texts of earlier steps by name
    (`followed`: the step whose completion is followed), and the gathered group.

    `swapped`: the answer of a pair comes first. `raw`: without marks, if no model reads the result.
    """

    prompt: Prompt
    reference: str
    thread: Mapping[str, StepText]
    followed: str = ""
    group: Sequence[StepText] = ()
    swapped: bool = False
    raw: bool = False
    solution: str = ""


def filled(template: Template, steps: Collection[str], given: Filling) -> Prompt:
    """The template with its places filled. A text around a conversation surrounds the last message of the user.

    ValueError if a field could not be read: such a completion is not followed.
    """
    # No model reads a raw text, so nothing in it needs to be enclosed.
    free = "" if given.raw else _mark(template, steps, given)

    def put(text: str, mark: str = free) -> str:
        return _PLACE.sub(lambda match: value(match, mark), text)

    def value(match: "re.Match[str]", mark: str) -> str:
        place = TemplatePlace(match[1], (match[2] or "").lstrip("."))
        return _value(place, given, mark) if place.name in (*RESERVED, *steps) else match[0]

    if isinstance(template, str):
        return _around(template, given.prompt, put)
    return tuple(Message(role, put(text, "" if role == "assistant" else free)) for role, text in template)


def _around(template: str, prompt: Prompt, fill: Callable[[str], str]) -> Prompt:
    """A text template, filled; around the last thing that the user said where the problem is a conversation."""
    if isinstance(prompt, str) or PLACE not in template:
        return fill(template)
    # The place of the prompt stays: `fill_template` puts the text around the user's last message there.
    before, _, after = template.partition(PLACE)
    return fill_template(prompt, fill(before) + PLACE + fill(after))


def _value(place: TemplatePlace, given: Filling, mark: str) -> str:
    if place.name == "prompt":
        return plain_text(given.prompt)
    if place.name == "reference":
        return given.reference
    if place.name == "solution":
        return given.solution
    if place.name == "pair":
        return _pair(given, mark)
    if place.field == "*":
        return "\n\n".join(_block(f"{place.name} {n}", earlier.text, mark) for n, earlier in enumerate(given.group, 1))
    earlier = given.thread[place.name]
    if not place.field:
        return _block(place.name, earlier.text, mark)
    value = earlier.facts.value(place.field)
    if value is None:
        raise ValueError(f"{place.name}.{place.field} could not be read")
    short = len(value) <= _ONE_LINE and "\n" not in value
    return value if short else _block(f"{place.name}.{place.field}", value, mark)


def _pair(given: Filling, mark: str) -> str:
    """The reference and the followed text, so that neither always comes first."""
    blocks = [_block("reference", given.reference, mark), _block("answer", given.thread[given.followed].text, mark)]
    return "\n\n".join(reversed(blocks) if given.swapped else blocks)


def _block(name: str, text: str, mark: str) -> str:
    """A text between marks, or the plain text without a mark."""
    return block(name, text, mark) if mark else text


def _mark(template: Template, steps: Collection[str], given: Filling) -> str:
    """Characters that none of the texts contains; the same for the same texts, whatever else is read out of them."""
    texts = [earlier.text for earlier in given.group]
    # Texts that are not shown must not change the mark, which is part of the prompt and so of every id.
    for place in places_of(template, steps):
        if place.name == "pair":
            texts += [given.reference, given.thread[given.followed].text]
        elif place.of_a_step and place.field != "*":
            earlier = given.thread[place.name]
            texts.append(earlier.text if not place.field else earlier.facts.value(place.field) or "")
    return free_mark(texts)


def _texts(template: Template) -> list[str]:
    return [template] if isinstance(template, str) else [text for _, text in template]
