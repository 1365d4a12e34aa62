"""Speculative decoding by shared uniforms: the text equals the one drawn without drafts, whatever the drafts are.

Each place of a text has a uniform of its own, by which target and drafter invert their cumulative distributions; a draft is
accepted if both find the same token. Daliri, Musco & Suresh 2024, Coupling without communication and drafter-invariant
speculative decoding, arXiv:2408.07978, have the idea with other couplings. It accepts fewer drafts than the optimum. A text
does not depend on the drafter, so a drafter may learn from earlier texts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.drafters import DraftsBlocks
from rollmill.pipelines.generate.decoding.speculative import SpeculativeText, TextEnd
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


@dataclass(frozen=True, slots=True)
class Coupling:
    """Drafter, and `ahead`, the drafted tokens of a block. `chances`: the uniform of each place of the text.

    `replay`: the token that the engine draws without drafts after these tokens. It is asked where a boundary between tokens
    is within `margin` of the uniform, so that rounding could decide.
    """

    drafter: StepModel
    ahead: int
    chances: Floats
    replay: Callable[[Tokens], int] | None = None
    margin: float = 1e-4


def speculate_coupled(model: StepModel, plan: Coupling, prefix: Tokens, until: TextEnd) -> SpeculativeText:
    """The text that these uniforms give after a prefix. Drafter and model give distributions after the sampling's cuts."""
    text = SpeculativeText([])
    while not until.reached(text.tokens):
        before, place = (*prefix, *text.tokens), len(text.tokens)
        drafts, sources = _drafted(plan, before, min(plan.ahead, until.length - place - 1), place, text)
        rows = np.exp(model.next([before + drafts[:length] for length in range(len(drafts) + 1)]))
        text.target_calls += 1
        for length, row in enumerate(rows):
            chance = float(plan.chances[place + length])
            token = inverted(row, chance)
            if plan.replay is not None and in_doubt(row, chance, plan.margin):
                text.target_calls += len(text.tokens) + 1
                token = plan.replay(tuple(text.tokens))
            text.tokens.append(token)
            if length < len(drafts):
                text.verified += 1
                text.optimum += float(np.minimum(row / row.sum(), sources[length]).sum())
                text.accepted += token == drafts[length]
            if length == len(drafts) or token != drafts[length] or until.ended(text.tokens):
                break
    return text


def _drafted(plan: Coupling, before: Tokens, ahead: int, place: int, text: SpeculativeText) -> tuple[Tokens, list[Floats]]:
    """Drafted tokens and the distribution of each."""
    if not ahead:
        return (), []
    blocks = isinstance(plan.drafter, DraftsBlocks)
    text.draft_calls += 1 if blocks else ahead
    drafter = plan.drafter.behind(before) if isinstance(plan.drafter, DraftsBlocks) else plan.drafter
    drafts: Tokens = ()
    sources = []
    for at in range(ahead):
        row = np.exp(drafter.next([before + drafts])[0])
        sources.append(np.asarray(row / row.sum()))
        drafts = (*drafts, inverted(row, float(plan.chances[place + at])))
    return drafts, sources


def inverted(weights: Floats, chance: float) -> int:
    """The first token whose cumulative weight exceeds `chance` times the sum of the weights."""
    cumulative = np.add.accumulate(weights)
    return int((cumulative > chance * cumulative[-1]).argmax())


def in_doubt(weights: Floats, chance: float, margin: float) -> bool:
    """True if a boundary between two possible tokens is within a margin, a share of the mass, of the chance."""
    cumulative = np.add.accumulate(weights[weights > 0])
    return bool((np.abs(cumulative[:-1] / cumulative[-1] - chance) < margin).any())
