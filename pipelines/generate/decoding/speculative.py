"""Speculative decoding: a drafter proposes tokens, a call of the target verifies them, and the text keeps its distribution.

Several drafted sequences are verified together: at each place the rule chooses among the drafts of the sequences that
agree so far. Under a rule without replacement the drafts after one prefix differ from each other (Jeon et al. 2024,
arXiv:2402.14160). The cost is the number of target calls, never time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.choices import Chooser
from rollmill.pipelines.generate.decoding.draft_rules import DraftRule
from rollmill.pipelines.generate.decoding.drafters import DraftsBlocks
from rollmill.pipelines.generate.decoding.optimum import optimal_acceptance
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens

MOST_ENUMERATED = 10
"""Tokens up to which the optimum of drafts without replacement is computed, by all sets of them."""


@dataclass(frozen=True, slots=True)
class Speculation:
    """Drafter and rule. `ahead`: tokens of a drafted sequence; `drafts`: number of drafted sequences."""

    drafter: StepModel
    rule: DraftRule
    ahead: int = 4
    drafts: int = 1


@dataclass(frozen=True, slots=True)
class TextEnd:
    """End of a text: `length` tokens, the token `end`, or a text that `stopped` knows as finished."""

    length: int
    end: int | None = None
    stopped: Callable[[Sequence[int]], bool] | None = None

    def reached(self, tokens: Sequence[int]) -> bool:
        """True if no token follows."""
        return len(tokens) >= self.length or self.ended(tokens)

    def ended(self, tokens: Sequence[int]) -> bool:
        """True if the text ended before its length."""
        if not tokens:
            return False
        return tokens[-1] == self.end or (self.stopped is not None and self.stopped(tokens))


@dataclass(slots=True)
class SpeculativeText:
    """Decoded tokens with their cost.

    `accepted` of the `verified` places took a drafted token; `optimum` is the sum over these places of the largest
    acceptance that any rule could have (not a number where it is too large to compute).
    """

    tokens: list[int]
    target_calls: int = 0
    draft_calls: int = 0
    verified: int = 0
    accepted: int = 0
    optimum: float = 0.0


def speculate(model: StepModel, plan: Speculation, prefix: Tokens, until: TextEnd, chooser: Chooser) -> SpeculativeText:
    """A text after a prefix."""
    text = SpeculativeText([])
    while not until.reached(text.tokens):
        before = (*prefix, *text.tokens)
        # One less than is left: the target's call adds a token of its own after the last accepted draft.
        ahead = min(plan.ahead, until.length - len(text.tokens) - 1)
        text.draft_calls += min(ahead, 1) if isinstance(plan.drafter, DraftsBlocks) else ahead
        drafted = _drafted(plan, before, ahead, chooser)
        _verify(model, plan.rule, text, (before, *drafted), chooser, until)
    return text


def _drafted(plan: Speculation, before: Tokens, ahead: int, chooser: Chooser) -> tuple[list[Tokens], dict[Tokens, Floats]]:
    """Drafted sequences, and the drafter's distribution after each of their prefixes at the time of drafting."""
    drafts: list[Tokens] = [()] * plan.drafts
    sources: dict[Tokens, Floats] = {}
    if not ahead:
        return drafts, sources
    drafter = plan.drafter.behind(before) if isinstance(plan.drafter, DraftsBlocks) else plan.drafter
    for _ in range(ahead):
        behind = sorted(set(drafts))
        rows = np.exp(drafter.next([before + draft for draft in behind]))
        sources |= {draft: row / row.sum() for draft, row in zip(behind, rows, strict=True)}
        if plan.rule.replacement:
            drafts = [(*draft, chooser.pick(sources[draft])) for draft in drafts]
        else:
            drafts = _distinct(drafts, sources, chooser)
    return drafts, sources


def _distinct(drafts: Sequence[Tokens], sources: dict[Tokens, Floats], chooser: Chooser) -> list[Tokens]:
    """Drafts one token longer, drawn without replacement after each prefix; fewer where no token is left."""
    # A copy: the rule needs the drafter's whole distribution after that.
    left = {draft: sources[draft].copy() for draft in set(drafts)}
    longer = []
    for draft in drafts:
        if left[draft].any():
            token = chooser.pick(left[draft])
            left[draft][token] = 0.0
            longer.append((*draft, token))
    return longer


def _verify(
    model: StepModel,
    rule: DraftRule,
    text: SpeculativeText,
    drafted: tuple[Tokens, Sequence[Tokens], dict[Tokens, Floats]],
    chooser: Chooser,
    until: TextEnd,
) -> None:
    """Add tokens until one is not a draft: at least one token, at most one more than was drafted."""
    before, drafts, sources = drafted
    behind = sorted({draft[:length] for draft in drafts for length in range(len(draft) + 1)})
    rows = model.next([before + draft for draft in behind])
    targets = {draft: np.exp(row) for draft, row in zip(behind, rows, strict=True)}
    text.target_calls += 1
    agreed: Tokens = ()
    while True:
        # A draft that was accepted to its end has no next token: the target then draws its own.
        same = [draft for draft in drafts if draft[: len(agreed)] == agreed and len(draft) > len(agreed)]
        p = targets[agreed] / targets[agreed].sum()
        if same:
            proposed = np.asarray([[draft[len(agreed)] for draft in same]])
            text.verified += 1
            p = _chosen(rule, p, sources[agreed], proposed, text)
        token = chooser.pick(p)
        text.tokens.append(token)
        agreed = (*agreed, token)
        drafted_too = any(draft[: len(agreed)] == agreed for draft in same)
        text.accepted += drafted_too
        # The length needs no test here: `ahead` leaves room for every accepted draft and one more token.
        if not drafted_too or until.ended(text.tokens):
            return


def _chosen(rule: DraftRule, p: Floats, q: Floats, proposed: Floats, text: SpeculativeText) -> Floats:
    """Distribution of the chosen token, over the tokens that the target or the drafter can draw."""
    possible = np.flatnonzero((p > 0) | (q > 0))
    p_possible, q_possible = p[possible], q[possible]
    chosen = np.zeros_like(p)
    chosen[possible] = rule.given(p_possible, q_possible, np.searchsorted(possible, proposed))[0]
    count = proposed.shape[1]
    computed = rule.replacement or count == 1 or len(possible) <= MOST_ENUMERATED
    # One draft is the same with and without replacement, and the former needs no enumeration of sets.
    replacement = rule.replacement or count == 1
    text.optimum += optimal_acceptance(p_possible, q_possible, count, replacement=replacement) if computed else np.nan
    return chosen
