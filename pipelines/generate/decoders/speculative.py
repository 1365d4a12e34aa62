"""The decoder `speculative`: drafted tokens, verified by the model in one call a block, without a change of distribution.

Leviathan et al. 2023 (arXiv:2211.17192), SpecTr (2310.15141), multi-draft selection (2410.18234, 2502.18779) and recursive
drafts (2402.14160) are its rules; STAND's n-grams (2506.04708), skipped layers (2309.08168) and look-ahead tokens
(2311.13581) its drafters. Completions keep the number of target calls, and accepted places beside the largest possible.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.calls import BY_ORDER
from rollmill.pipelines.generate.decoders.decoder import DecodedText, DecodeTask, SampledBlocks, SampledModel
from rollmill.pipelines.generate.decoding.choices import DrawnChooser
from rollmill.pipelines.generate.decoding.coupled import Coupling, speculate_coupled
from rollmill.pipelines.generate.decoding.draft_rules import MOST_TUPLES, RULES
from rollmill.pipelines.generate.decoding.drafters import LearningTarget, LookaheadDrafter, NgramDrafter
from rollmill.pipelines.generate.decoding.optimum import MOST_TOKENS
from rollmill.pipelines.generate.decoding.speculative import Speculation, SpeculativeText, speculate
from rollmill.pipelines.generate.decoding.step_model import StepModel
from rollmill.pipelines.option_checks import checked_choice, checked_count, refused

Rule = Literal["coupled", "single", "multi_round", "recursive", "k_seq", "weighted", "optimal", "optimal_distinct"]
Drafter = Literal["ngram", "layers", "lookahead"]
COUPLED = "coupled"
TUPLED = ("weighted", "optimal", "optimal_distinct")
"""Rules that go through all tuples of drafts."""
PLANNED = ("optimal", "optimal_distinct")
"""Rules that solve a linear programme."""
MOST_DRAFTS = MOST_TUPLES.bit_length() - 1
"""Most drafts of such a rule: k drafts of two tokens are 2 ** k tuples."""
MOST_PROMPTS = 16
"""Most prompts whose n-grams are kept, the last ones: each has a distribution for every context of all its texts."""


@dataclass(frozen=True, slots=True)
class Speculative:
    """Rule `coupled` gives the text that is drawn without a decoder; other rules give a text of the same distribution.

    A block's logits differ from those of single steps by up to 1e-5: where two logits are as close as that, top_k or a warp
    could cut another token.
    """

    name = "speculative"
    version = "1"
    exact = True
    weighted = False
    rule: Rule = "coupled"
    """Rule of verification: `coupled` by shared uniforms; `single` draft; several drafts by `multi_round`, `k_seq`,
    `weighted` or `optimal`, or all different by `recursive` or `optimal_distinct`.
    """
    drafter: Drafter = "ngram"
    """Source of drafts: `ngram`, a table of what the model said; the model without `layers`; `lookahead` tokens."""
    ahead: int = 4
    """Drafted tokens of a block."""
    drafts: int = 1
    """Drafted sequences of a block."""
    order: int = 3
    """Tokens of the longest n-gram."""
    skip: tuple[int, ...] = (1, 2)
    """Layers that the drafter `layers` leaves out."""
    token: int = 0
    """Token that the drafter `lookahead` reads in place of those to come."""
    memory: Literal["text", "prompt"] = "text"
    """Texts that n-grams are learnt from: the completion's own, or all of its prompt that the process drew before (of
    the last 16 prompts). Then the cost of a text, not the text, depends on the order of drawing, and is in no score.
    """

    def __post_init__(self) -> None:
        checked_choice("decoder", self.name, "rule", self.rule, (COUPLED, *RULES))
        checked_choice("decoder", self.name, "drafter", self.drafter, ("ngram", "layers", "lookahead"))
        checked_choice("decoder", self.name, "memory", self.memory, ("text", "prompt"))
        for option in ("ahead", "drafts", "order"):
            checked_count("decoder", self.name, option, getattr(self, option))
        checked_count("decoder", self.name, "token", self.token, least=0)
        if self.drafts > 1 and self.rule in (COUPLED, "single"):
            raise refused("decoder", self.name, "drafts", self.drafts, f"1 under rule {self.rule}")
        if self.drafts > MOST_DRAFTS and self.rule in TUPLED:
            raise refused("decoder", self.name, "drafts", self.drafts, f"{MOST_DRAFTS} at most under rule {self.rule}")
        if self.memory == "prompt" and self.rule != COUPLED:
            wanted = "text unless the rule is coupled: texts of other rules depend on the drafts"
            raise refused("decoder", self.name, "memory", self.memory, wanted)

    def check(self, sampling: Sampling) -> None:
        """Some rules need few tokens; a memory needs uncut distributions."""
        if self.memory == "prompt" and (sampling.warp or sampling.top_k or sampling.top_p < 1):
            raise SetupError(
                "decoder 'speculative' with memory: prompt takes no warp, top_k or top_p: "
                "a cut could fall otherwise by rounding.",
                choices=("memory: text", "no warp, top_k 0, top_p 1"),
            )
        # Halved: target and drafter may keep top_k different tokens each, and rules go through those of both.
        most = self._most_tokens() // 2
        if most and not 0 < sampling.top_k <= most:
            raise SetupError(
                f"decoder 'speculative': rule {self.rule!r} with {self.drafts} drafts goes through all tuples of "
                f"tokens, and top_k is {sampling.top_k}.",
                choices=(f"top_k from 1 to {most}", "rule: k_seq", "rule: recursive"),
            )

    def _most_tokens(self) -> int:
        """Most tokens that the rule can go through, 0 without a limit."""
        limits = [MOST_TOKENS] if self.rule in PLANNED else []
        if self.rule in TUPLED and self.drafts > 1:
            root = round(MOST_TUPLES ** (1 / self.drafts))
            limits.append(root if root**self.drafts <= MOST_TUPLES else root - 1)
        return min(limits, default=0)

    def decode(self, task: DecodeTask) -> DecodedText:
        """The text, and its calls and drafts."""
        model, drafter = self._parts(task)
        if self.rule == COUPLED:
            # A block's logits differ by 1e-5 from those of single steps, and a temperature divides them.
            margin = 1e-4 / min(1.0, task.sampling.temperature or 1.0)
            coupling = Coupling(drafter, self.ahead, task.chances, task.replay, margin)
            text = speculate_coupled(model, coupling, task.prompt, task.until)
        else:
            plan = Speculation(drafter, RULES[self.rule], self.ahead, self.drafts)
            # These rules draw more than one number a place, so the task's uniforms do not suffice.
            chooser = DrawnChooser(np.random.default_rng(task.seed))
            text = speculate(model, plan, task.prompt, task.until, chooser)
        return DecodedText(tuple(text.tokens), self._figures(text))

    def _parts(self, task: DecodeTask) -> tuple[StepModel, SampledModel]:
        """Target and drafter, both after the sampling's cuts."""
        if self.drafter == "layers":
            return task.sampled(), task.sampled(task.model.without(self.skip))
        if self.drafter == "lookahead":
            if self.token >= task.model.vocabulary:
                raise refused("decoder", self.name, "token", self.token, f"below {task.model.vocabulary}, the vocabulary")
            ahead = LookaheadDrafter(task.model, self.token, self.ahead)
            return task.sampled(), SampledBlocks(ahead, task.model, task.sampling)
        table = NgramDrafter(task.model.vocabulary, self.order)
        if self.memory == "prompt":
            tables = task.memory.setdefault(self.name, {})
            # Taken out and put back at the end: the first key is the prompt that was used least recently.
            table = tables.pop((self.order, task.prompt), table)
            tables[self.order, task.prompt] = table
            while len(tables) > MOST_PROMPTS:
                del tables[next(iter(tables))]
        return task.sampled(LearningTarget(task.model, table, task.prompt)), task.sampled(table)

    def _figures(self, text: SpeculativeText) -> dict[str, float]:
        # Look-ahead tokens are read by the target itself, so that its drafts are calls of the target.
        own = text.draft_calls if self.drafter == "lookahead" else 0
        figures: dict[str, float] = {
            "target_calls": text.target_calls + own,
            "draft_calls": text.draft_calls - own,
            "verified": text.verified,
            "accepted": text.accepted,
        }
        if self.memory == "prompt":
            figures[BY_ORDER] = 1
        return figures if np.isnan(text.optimum) else {**figures, "optimum": text.optimum}
