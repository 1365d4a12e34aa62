"""Shared parts of peers' adapters: a verdict from a plain yes or no, and the program in a completion. Knows no peer."""

import re

from rollmill.ground.records import Completion, Outcome, Problem, Verdict

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


def verdict_of(
    problem: Problem, completion: Completion, who: tuple[str, str], outcome: Outcome | bool, rule: str = ""
) -> Verdict:
    """A verdict of a peer, `who` being its name and version; a bare bool is correct or incorrect."""
    if isinstance(outcome, bool):
        outcome = "correct" if outcome else "incorrect"
    return Verdict(completion.id, problem.id, *who, outcome, rule or who[0])


def program(text: str, entry_point: str) -> tuple[str, bool]:
    """The last fenced block, else the text; and whether it is whole (defines the function) or continues the prompt."""
    blocks = _FENCE.findall(text)
    source = blocks[-1] if blocks else text
    return source, bool(re.search(rf"\b{re.escape(entry_point)}\b", source)) and not source.startswith(" ")
