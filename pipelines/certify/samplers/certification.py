"""Certification of an engine's sampler: next tokens drawn after prefixes, compared with the distribution that it states.

A decoder may draw several tokens from one call of the model. Its later tokens are therefore tested too, each after the
most frequent tokens before it.

An engine states its distribution through `StatesNextToken`, or through the log-probabilities in its replies. The prefixes
are beginnings of its own answers. The same tests are run on simulated draws with planted faults, to show which faults this
many draws can reveal.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats, Ints
from rollmill.ground.records import Completion, Message, Origin, Problem, Prompt, Sampling, requests_for
from rollmill.pipelines.certify.samplers import planted
from rollmill.pipelines.certify.samplers.goodness import SamplerTest, tests_of, together
from rollmill.pipelines.certify.samplers.stated import NextTokens, Token, stated_chances
from rollmill.roles.engine_roles import Generator, StatesLaterTokens, StatesNextToken
from rollmill.stats import holm

LONGEST_PREFIX = 64
"""Tokens of an answer's beginning at most."""
BEGINNINGS, PILOT = 8, 64
"""Beginnings of an answer that are compared, and the tokens drawn after each for the comparison."""
RARE_DRAWS = 200_000
SIMULATIONS = 50
HERE = "each prefix"


@dataclass(frozen=True, slots=True)
class SamplerClaim:
    """Settings of a certification. `draws`: number of texts drawn after each prefix. `level`: probability that a correct
    sampler fails one of the tests. `places`: number of tested tokens in each text.
    """

    sampling: Sampling
    draws: int = 20_000
    level: float = 0.01
    seed: int = 0
    places: int = 1


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A planted fault: `caught` of `of` simulations of `draws` draws find it, on the distributions that `where` names."""

    fault: str
    caught: int
    of: int
    draws: int
    where: str


@dataclass(frozen=True, slots=True)
class SamplerCertificate:
    """Tests of an engine by prefix, with p values adjusted over all of them (Holm).

    `faults`: how often the same tests find planted faults. `draws`: tokens drawn after all prefixes; `moved`: how many of
    them 32-bit Gumbel noise would change at most.
    """

    engine: str
    tests: Sequence[tuple[str, SamplerTest, float]]
    faults: Sequence[PlantedFault]
    level: float
    draws: int
    moved: float
    greedy: tuple[int, int] = field(default=(0, 0))
    """Prefixes whose greedy token is the likeliest stated one, and all."""

    @property
    def failing(self) -> Sequence[tuple[str, SamplerTest, float]]:
        """The tests whose adjusted p value is below the level."""
        return [row for row in self.tests if row[2] < self.level]

    @property
    def clean(self) -> bool:
        """True if no test fails and the greedy tokens are right."""
        return not self.failing and self.greedy[0] == self.greedy[1]

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        rows = [{"prefix": prefix, **asdict(test), "p_adjusted": value} for prefix, test, value in self.tests]
        return {
            "engine": self.engine,
            "clean": self.clean,
            "level": self.level,
            "tests": rows,
            "faults": [asdict(fault) for fault in self.faults],
            "draws": self.draws,
            "moved_by_32_bit_gumbel_noise": self.moved,
            "greedy": {"likeliest": self.greedy[0], "of": self.greedy[1]},
        }


def certify_sampler(engine: Generator, problems: Sequence[Problem], claim: SamplerClaim) -> SamplerCertificate:
    """The certificate of an engine on prefixes of its answers to these problems."""
    tests: list[tuple[str, SamplerTest]] = []
    stated: list[Floats] = []
    moved = 0.0  # the mass of tokens that the engine does not state may be that of rare ones, all of it
    likeliest = []
    prefixes = prefixes_of(engine, problems, claim.seed)
    for label, prompt in prefixes:
        drawn = next_tokens(engine, prompt, claim.sampling, claim.draws, claim.seed, claim.places)
        known = _known(engine, prompt, claim)
        counts, chances = _compared(counted(drawn, known), known, claim)
        tests += [(label, test) for test in tests_of(counts, chances)]
        tests += _later_tests(engine, (label, prompt), drawn, claim)
        stated.append(chances)
        moved += planted.moved_by_gumbel_32(chances[: len(known.tokens)]) + float(chances[len(known.tokens) :].sum())
        greedy = next_tokens(engine, prompt, _greedy(claim.sampling), 1, claim.seed, claim.places)
        likeliest.append(counted(greedy, known)[:-1].argmax() == known.logp.argmax())
    whole = together(test for _, test in tests)
    tests += [] if whole is None else [("all prefixes", whole)]
    if not tests:
        raise SetupError("every prefix leaves one token at this sampling: nothing can be tested.")
    # Over all tests together, so that `level` is the chance that a correct sampler fails any of them.
    adjusted = holm([test.p_value for _, test in tests])
    return SamplerCertificate(
        engine.engine,
        [(label, test, value) for (label, test), value in zip(tests, adjusted, strict=True)],
        list(_faults_caught(stated, claim)),
        claim.level,
        claim.draws * len(stated),
        claim.draws * moved,
        (int(sum(likeliest)), len(likeliest)),
    )


def _greedy(sampling: Sampling) -> Sampling:
    """Temperature 0 with the same decoder; some of its rules need top_k, which changes no greedy token."""
    return Sampling(0.0, top_k=sampling.top_k if sampling.decode else 0, decode=sampling.decode)


def _compared(counts: Ints, known: NextTokens, claim: SamplerClaim) -> tuple[Ints, Floats]:
    """Counts and stated chances; the last entry, of unknown tokens, is left out if there are none."""
    chances = stated_chances(known, claim.sampling)
    # An unstated token that was drawn stays in, at its stated chance of 0.
    return (counts[:-1], chances[:-1]) if known.rest <= 0 and not counts[-1] else (counts, chances)


def _later_tests(
    engine: Generator, begun: tuple[str, Prompt], drawn: Sequence[Completion], claim: SamplerClaim
) -> Iterator[tuple[str, SamplerTest]]:
    """Tests of each later token of the texts that begin with the most frequent tokens of other texts."""
    label, prompt = begun
    if claim.places == 1:
        return
    if not isinstance(engine, StatesLaterTokens):
        raise SetupError(
            f"engine {engine.engine!r} states no distribution after tokens that it drew, so that its decoder cannot be "
            "tested.",
            choices=("--engine embedded",),
        )
    # By another seed: a path chosen by the counted draws would bias their counts.
    pilot = next_tokens(engine, prompt, claim.sampling, PILOT, claim.seed + 1, claim.places)
    for place in range(1, claim.places):
        begun_with = Counter(tokens[:place] for row in pilot if len(tokens := row.token_ids or ()) > place)
        if not begun_with:
            return
        path = begun_with.most_common(1)[0][0]
        logp = np.asarray(engine.later_logprobs(engine.render(prompt), path), dtype=np.float64)
        later = [row.token_ids[place] for row in drawn if row.token_ids and _follows(row.token_ids, path)]
        counts = np.bincount(later, minlength=len(logp) + 1)
        tests = tests_of(*_compared(counts, NextTokens(range(len(logp)), logp), claim))
        yield from ((f"{label}, token {place + 1}", test) for test in tests)


def _follows(tokens: Sequence[int], path: Sequence[int]) -> bool:
    """True if a text has another token after a path."""
    return len(tokens) > len(path) and tuple(tokens[: len(path)]) == tuple(path)


def prefixes_of(engine: Generator, problems: Sequence[Problem], seed: int) -> list[tuple[str, Prompt]]:
    """For each problem, the beginning of an answer after which the next token is least certain, of several beginnings."""
    prefixes: list[tuple[str, Prompt]] = []
    for at, problem in enumerate(problems):
        [completion] = _drawn(engine, problem.prompt, Sampling(max_tokens=LONGEST_PREFIX), 1, seed)
        asked = problem.prompt if isinstance(problem.prompt, tuple) else (Message("user", problem.prompt),)
        lengths = sorted({len(completion.text) * part // BEGINNINGS for part in range(BEGINNINGS)})
        begun = {length: (*asked, Message("assistant", completion.text[:length], "prefix")) for length in lengths if length}
        candidates: dict[int, Prompt] = {0: problem.prompt, **begun}
        spread = {length: _spread(engine, prompt, seed) for length, prompt in candidates.items()}
        # A prefix after which one token is certain would test nothing.
        chosen = max(candidates, key=lambda length: (spread[length], -length))
        prefixes.append((f"problem {at + 1}, {chosen} characters", candidates[chosen]))
    return prefixes


def _spread(engine: Generator, prompt: Prompt, seed: int) -> float:
    """Entropy of some next tokens, drawn by a seed of their own."""
    pilot = next_tokens(engine, prompt, Sampling(max_tokens=1), PILOT, seed + 2)
    shares = np.asarray(list(Counter(map(token_of, pilot)).values())) / PILOT
    return float(-(shares * np.log(shares)).sum())


def next_tokens(
    engine: Generator, prompt: Prompt, sampling: Sampling, draws: int, seed: int, places: int = 1
) -> list[Completion]:
    """Completions of one token each, or of a few."""
    return _drawn(engine, prompt, replace(sampling, max_tokens=places, stop=()), draws, seed)


def counted(drawn: Sequence[Completion], known: NextTokens) -> Ints:
    """The count of each known token, and of all others at the end."""
    places = {token: at for at, token in enumerate(known.tokens)}
    at = [places.get(token_of(completion), len(places)) for completion in drawn]
    return np.bincount(at, minlength=len(places) + 1)


def token_of(completion: Completion) -> Token:
    """The first token of a completion: its id, or its text where an engine gives no ids."""
    return completion.token_ids[0] if completion.token_ids else completion.text


def _drawn(engine: Generator, prompt: Prompt, sampling: Sampling, draws: int, seed: int) -> list[Completion]:
    origin = Origin(engine.engine, engine.model_digest, "evaluate", seed)
    requests = list(requests_for(Problem(prompt, ""), engine.render(prompt), sampling, origin, range(draws)))
    return list(engine.generate(requests))


def _known(engine: Generator, prompt: Prompt, claim: SamplerClaim) -> NextTokens:
    """The distribution that the engine states; where it does so in replies only, tokens that it never drew are unknown."""
    if isinstance(engine, StatesNextToken):
        logp = np.asarray(engine.next_logprobs(engine.render(prompt)), dtype=np.float64)
        return NextTokens(range(len(logp)), logp)
    # By draws of another seed: a bin must not depend on the draws that are counted in it.
    shown = next_tokens(engine, prompt, Sampling(max_tokens=1), claim.draws, claim.seed + 1)
    known = {token_of(completion): completion.logprob_sum for completion in shown}
    values = [value for value in known.values() if value is not None]
    if len(values) < len(known):
        raise SetupError(
            f"engine {engine.engine!r} gives no log-probabilities, so that it states no distribution.",
            next_command="""--options '{"logprobs": 0}'""",
        )
    logp = np.asarray(values)
    return NextTokens(list(known), logp, max(0.0, 1.0 - float(np.exp(logp).sum())))


def _faults_caught(stated: Sequence[Floats], claim: SamplerClaim) -> Iterator[PlantedFault]:
    """Rates at which the same tests find each planted fault at the same level."""
    generator = np.random.default_rng(claim.seed)
    rare = [planted.rare_chances()]
    rare_words = f"{planted.RARE_TOKENS:,} tokens of {planted.RARE_MASS / planted.RARE_TOKENS:.0e} each"
    planned = [(name, sampler, stated, claim.draws, SIMULATIONS, HERE) for name, sampler in planted.FAULTS.items()]
    planned += [(name, sampler, rare, RARE_DRAWS, 1, rare_words) for name, sampler in planted.RARE_FAULTS.items()]
    for name, sampler, chances, draws, count, where in planned:
        caught = sum(_caught(sampler, chances, draws, claim.level, generator) for _ in range(count))
        yield PlantedFault(name, caught, count, draws, where)


def _caught(
    sampler: planted.PlantedSampler, stated: Sequence[Floats], draws: int, level: float, generator: np.random.Generator
) -> bool:
    tests = [test for chances in stated for test in tests_of(sampler(chances, draws, generator), chances)]
    whole = together(tests)
    p_values = [test.p_value for test in (*tests, *([] if whole is None else [whole]))]
    return min(holm(p_values), default=1.0) < level
