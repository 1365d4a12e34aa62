"""The gate's rule on draws that are one text: a server that ignores the seed, temperature 0, a cache of whole replies."""

from collections.abc import Mapping
from typing import Any

from pipelines.gate.rules import GateRule, Measure
from storage.ground.replies.faults import DRAWS, ONE_TEXT, SEVERAL, TEXTS

FEWEST = 8  # prompts drawn several times from which their share is judged


def text_rules(replies: Mapping[str, Any], most: float) -> list[GateRule]:
    """The draws of most prompts are different texts; no rule without enough prompts that are drawn several times."""
    several, alike = replies.get(SEVERAL, 0), replies.get(ONE_TEXT, 0)
    if several < FEWEST:
        return []
    measure = Measure("share of prompts", alike / several, None, most, option="max_one_text")
    words = f"{alike:,} of {several:,}; {replies[TEXTS]:,} different texts in {replies[DRAWS]:,} draws"
    expected = f"all draws of a prompt one text: at most {most:.0%} of prompts"
    return [GateRule("one text", expected, [measure.part()], lambda _: words, (), [measure])]
