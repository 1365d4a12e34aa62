"""The decoders `constrained` and `masked`: texts of a regular expression or a grammar, each with its weight.

Lipkin et al. 2025, Fast controlled generation from language models with adaptive weighted rejection sampling,
arXiv:2504.05410. The mean of weight times f over completions is the sum of p f over the texts of the constraint, with p the
distribution of the sampling. `masked` excludes tokens place by place, as engines with structured outputs do. Its texts have
a distribution of their own, in which they count alike. By their weights they have that of the model before the temperature,
among the texts that top_k and top_p leave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.decoders.decoder import DecodedText, DecodeTask, SampledModel
from rollmill.pipelines.generate.decoding.choices import DrawnChooser
from rollmill.pipelines.generate.decoding.constrained import ConstrainedPlan, constrained_texts
from rollmill.pipelines.generate.decoding.step_model import CountedModel, Tokens
from rollmill.pipelines.generate.decoding.text_rules import CharacterGrammar, Regex, TextConstraint
from rollmill.pipelines.option_checks import checked_count


@dataclass(frozen=True, slots=True)
class ConstrainedText:
    """Adaptive weighted rejection over several texts, one of which is the completion; few tokens are tested."""

    name = "constrained"
    version = "1"
    exact = False
    weighted = True
    regex: str = ""
    """Regular expression that the whole text matches."""
    grammar: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict, hash=False)
    """Context-free grammar: the alternatives of each nonterminal, each a list of nonterminals and texts; S is the start."""
    particles: int = 8
    """Texts that are drawn together."""

    def __post_init__(self) -> None:
        checked_count("decoder", self.name, "particles", self.particles)
        if bool(self.regex) == bool(self.grammar):
            raise SetupError(f"decoder {self.name!r} has one of regex and grammar.", choices=("regex: '[0-9]+'", "grammar"))
        self._rule()

    def check(self, sampling: Sampling) -> None:
        """No stop string; several tokens to draw from."""
        _check_stop(self.name, sampling)
        if sampling.temperature == 0:
            raise SetupError(
                "decoder 'constrained' draws, and temperature 0 leaves it one token.", choices=("decode: {method: masked}",)
            )

    def decode(self, task: DecodeTask) -> DecodedText:
        """A text drawn by weight, with the mean weight of all."""
        counted = CountedModel(task.model)
        tested = TextConstraint(self._rule(), task.text_of)
        chooser = DrawnChooser(np.random.default_rng(task.seed))
        plan = ConstrainedPlan(task.until.length, task.until.end, self.particles)
        texts = constrained_texts(SampledModel(counted, task.sampling), tested, plan, chooser, task.prompt)
        weights = np.asarray([text.weight for text in texts])
        mean = float(weights.mean())
        chosen = texts[chooser.pick(weights)].tokens if mean > 0 else ()
        figures = {"target_calls": counted.calls, "prefixes": counted.prefixes, "tests": tested.tests}
        return DecodedText(chosen, figures, float(np.log(mean)) if mean > 0 else -np.inf)

    def _rule(self) -> Regex | CharacterGrammar:
        return Regex(self.regex) if self.regex else CharacterGrammar(self.grammar)


@dataclass(frozen=True, slots=True)
class MaskedText:
    """Tokens that cannot lead to a text of the constraint are excluded before the temperature; every token is tested."""

    name = "masked"
    version = "1"
    exact = False
    weighted = False
    regex: str = ""
    """Regular expression that the whole text matches."""

    def __post_init__(self) -> None:
        if not self.regex:
            raise SetupError("decoder 'masked' has no regex.", choices=("regex: '[0-9]+'",))
        Regex(self.regex)

    def check(self, sampling: Sampling) -> None:
        """No stop string."""
        _check_stop(self.name, sampling)

    def decode(self, task: DecodeTask) -> DecodedText:
        """The text; its weight is its probability under the model over that under the mask."""
        tested = TextConstraint(Regex(self.regex), task.text_of)
        counted = CountedModel(task.model)
        sampled, chooser = task.sampled(), DrawnChooser(np.random.default_rng(task.seed))
        tokens: Tokens = ()
        weight = 0.0
        while not task.until.reached(tokens):
            own = counted.next([task.prompt + tokens])[0]
            masked = np.where([self._allowed(tested, tokens, token, task) for token in range(len(own))], own, -np.inf)
            if not np.isfinite(masked).any():
                break
            row = np.exp(sampled.after(masked[None] - np.logaddexp.reduce(masked))[0])
            token = chooser.pick(row)
            weight += float(own[token] - np.log(row[token]))
            tokens = (*tokens, token)
        whole = tokens[:-1] if tokens[-1:] == (task.until.end,) else tokens
        figures = {"target_calls": counted.calls, "tests": tested.tests}
        return DecodedText(tokens, figures, weight if tested.complete(whole) else -np.inf)

    def _allowed(self, constraint: TextConstraint, text: Tokens, token: int, task: DecodeTask) -> bool:
        return constraint.complete(text) if token == task.until.end else constraint.allows((*text, token))


def _check_stop(name: str, sampling: Sampling) -> None:
    if sampling.stop:
        raise SetupError(f"decoder {name!r} ends where its constraint does: it goes without stop.", choices=("stop: []",))
