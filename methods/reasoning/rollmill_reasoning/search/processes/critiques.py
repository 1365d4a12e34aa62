"""Process `critiques`: the model says of each finished answer if it follows its instructions; label-free (SPaR, Cheng et
al. 2024, arXiv:2412.11605).
"""

from dataclasses import dataclass, replace

from rollmill.methods import Votes

QUESTION = """{prompt}

An answer:
{piece}

Does it do everything that is asked? Say what falls short, and end with yes or no."""


@dataclass(frozen=True)
class Critiques(Votes):
    """Process `votes` for finished answers alone; an unfinished answer is worth one half."""

    name = "critiques"
    version = "1"
    count: int = 5
    """Critiques of each finished answer."""
    template: str = QUESTION
    """Text of the question, with `{prompt}` and `{piece}`."""
    max_tokens: int = 128
    """Most tokens of a critique."""

    def __post_init__(self) -> None:
        Votes.__post_init__(self)
        object.__setattr__(self, "draws", replace(self.draws, finished=True))
