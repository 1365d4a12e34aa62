"""When two solutions are the same solution. Knows text only: no verdict, no model, and it never touches a number.

Two completions are copies of each other when their normal forms are equal: case folded, runs of white space made one space,
and none around the operators + * / = < > where a space cannot be part of a number. Spaces beside . , - and : stay, because
`1 .5` and `1.5`, or `3 -2` and `3-2`, need not be the same numbers. Nothing else is normalised: no digit, no Unicode form.
"""

from storage.ids import digest128
from storage.records import Completion

_OPERATORS = "+*/=<>×÷"


def normal_form(text: str) -> str:
    """The text as far as sameness goes."""
    form = " ".join(text.split()).casefold()
    for operator in _OPERATORS:
        if operator in form:
            form = form.replace(f" {operator}", operator).replace(f"{operator} ", operator)
    return form


def solution_key(text: str) -> str:
    """Equal for copies of one solution, 32 hex digits."""
    return digest128(["solution", normal_form(text)])


def solution_text(completion: Completion) -> str:
    """What a completion argues: its reasoning, where a model gives that apart, then its text."""
    return argued(completion.reasoning, completion.text)


def argued(reasoning: str | None, text: str) -> str:
    """The same from its two parts."""
    return f"{reasoning}\n{text}" if reasoning else text


def key_of_completion(completion: Completion) -> str | None:
    """The solution key, or None for a text cut off at the token limit: one without its end teaches nothing that ends."""
    return None if completion.finish_reason == "length" else solution_key(solution_text(completion))
