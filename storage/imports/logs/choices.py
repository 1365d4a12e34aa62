"""Answers that lm-evaluation-harness chose by log-probability: every choice of a problem was scored, and none was drawn.

Each metric chooses by a rule of its own, so each makes a log of its own: `acc` takes the choice of the largest
log-likelihood, `acc_norm` the largest per character, `acc_bytes` per byte of UTF-8, `acc_mutual_info` the largest gain over
the log-likelihood without the question. The first of equal ones is taken, as that tool does. The answer's text is the
chosen one, the reference the right one.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.storage.imports.logs.evaluation_log import LoggedAnswer, about
from rollmill.storage.imports.reading.cells import CellError

# Both texts come from one list of choices, so they are equal as texts or different choices.
VERIFY: Sequence[Mapping[str, Any]] = ({"method": "exact"},)
"""The verifier of chosen texts: is the chosen one the right one, white space around it aside?"""
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedChoices:
    """The choices of one problem with their log-likelihoods; `alone`: those without the question, where they were asked."""

    prompt: str
    texts: Sequence[str]
    likelihoods: Sequence[float]
    alone: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """Rule by which a metric chooses: the value of each choice, and its description."""

    values: Callable[[LoggedChoices], list[float]]
    words: str


def _per_length(choices: LoggedChoices, length: Callable[[str], int]) -> list[float]:
    """The log-likelihood by length; an empty choice has none, and is never chosen."""
    pairs = zip(choices.likelihoods, choices.texts, strict=True)
    return [likelihood / length(text) if text else -math.inf for likelihood, text in pairs]


RULES: Mapping[str, ChoiceRule] = {
    "acc": ChoiceRule(lambda choices: list(choices.likelihoods), "the largest log-likelihood"),
    "acc_norm": ChoiceRule(lambda choices: _per_length(choices, len), "the largest log-likelihood per character"),
    "acc_bytes": ChoiceRule(
        # JSON may hold half of a surrogate pair, which strict UTF-8 refuses to encode.
        lambda choices: _per_length(choices, lambda text: len(text.encode("utf-8", "surrogatepass"))),
        "the largest log-likelihood per byte",
    ),
    "acc_mutual_info": ChoiceRule(
        lambda choices: [given - alone for given, alone in zip(choices.likelihoods, choices.alone, strict=True)],
        "the largest gain in log-likelihood over the choice without the question",
    ),
}
"""Rules of choice by the name of the metric."""


def are_chosen(rows: Sequence[Values], output_type: str | None) -> bool:
    """True if rows have log-likelihoods of several choices in place of texts. `output_type`: the task's, if known."""
    resps = [row["resps"] if isinstance(row["resps"], list) else [] for row in rows]
    pairs = all(mine and all(_pair(resp) is not None for resp in mine) for mine in resps)
    # Without the task's type one log-likelihood is that of a given text, and several are of choices.
    return pairs and (output_type == "multiple_choice" or all(len(mine) > 1 for mine in resps))


def chosen_answer(row: Values, rule: str, delimiter: str, scores: Values) -> tuple[LoggedAnswer, str | None]:
    """The choice of a multiple-choice document by an accuracy rule (RULES), and the reason if an import cannot hold it.
    CellError for a row of another form.
    """
    choices, why = _choices(row, delimiter)
    target = _target(row["target"], choices.texts)
    values = [] if why else RULES[rule].values(choices)
    # `max` takes the first of equal values, as the tool does; NaN, which has no order, is set aside before.
    best = max(range(len(values)), key=values.__getitem__, default=0)
    text = choices.texts[best] if values else ""
    reference = "" if target is None else choices.texts[target]
    if why is None:
        why = "no one target among its choices" if target is None else None if text and reference else "a blank choice"
    return LoggedAnswer(str(row["doc_id"]), choices.prompt, reference, text, 0, scores, about(row["doc"])), why


def _choices(row: Values, delimiter: str) -> tuple[LoggedChoices, str | None]:
    """The choices of a row, and why nothing can be chosen among them."""
    asked = [_request(request) for request in _requests(row["arguments"])]
    likelihoods = [_pair(resp) for resp in row["resps"]]
    numbers = [number for number in likelihoods if number is not None]
    if len(asked) != len(numbers) or not numbers:
        raise CellError(f"it has {len(asked)} choices and {len(numbers)} log-likelihoods")
    # For this metric the tool asks every choice after the question, then every choice after an empty context.
    half = len(asked) // 2
    alone: Sequence[float] = ()
    if "acc_mutual_info" in row.get("metrics", ()):
        if len(asked) % 2 or any(context for context, _ in asked[half:]):
            raise CellError("it has acc_mutual_info, and no log-likelihoods of its choices without the question")
        asked, numbers, alone = asked[:half], numbers[:half], numbers[half:]
    # A continuation begins with the delimiter, which is no part of the choice.
    choices = LoggedChoices(asked[0][0], [text.removeprefix(delimiter) for _, text in asked], numbers, alone)
    # Winogrande is such a task: its options complete the contexts, and one continuation follows each.
    if len({context for context, _ in asked}) > 1:
        return choices, "choices that are contexts, of which the log does not say the right one"
    if any(math.isnan(number) for number in [*numbers, *alone]):
        return choices, "a log-likelihood that is not a number"
    return choices, None if choices.prompt.strip() else "no question"


def _requests(arguments: Any) -> Sequence[Any]:
    return list(arguments.values()) if isinstance(arguments, dict) else arguments


def _request(request: Any) -> tuple[str, str]:
    """Context and continuation of one request: `{"arg_0": ..., "arg_1": ...}`, or a list of both."""
    context, continuation = (request["arg_0"], request["arg_1"]) if isinstance(request, dict) else request[:2]
    return str(context), str(continuation)


def _pair(resp: Any) -> float | None:
    """The log-likelihood of a choice, `[[ll, is_greedy]]` with values or with their texts; None for another form."""
    pair = resp[0] if isinstance(resp, list) and resp and isinstance(resp[0], list) else resp
    # `str` serves both forms, the value false and the text "False".
    if not isinstance(pair, list) or len(pair) != 2 or str(pair[1]) not in ("True", "False"):
        return None
    try:
        return float(pair[0])
    except (TypeError, ValueError):
        return None


def _target(target: Any, texts: Sequence[str]) -> int | None:
    """The place of the one right choice: `target` is its place or its text; None if it is neither, several or both."""
    if isinstance(target, list):
        values = target
    else:
        try:
            # A list of targets may be logged as its text, such as "[2]".
            values = json.loads(str(target))
        except ValueError:
            values = None
    if isinstance(values, list):
        return _target(values[0], texts) if len(values) == 1 else None
    text = str(target)
    place = int(text) if text.isascii() and text.isdecimal() and int(text) < len(texts) else None
    same = [at for at, choice in enumerate(texts) if choice == text]
    if place is None:
        return same[0] if len(same) == 1 else None
    # "2" may be the place of one choice and the text of another: such a target decides nothing.
    return place if same in ([], [place]) else None
