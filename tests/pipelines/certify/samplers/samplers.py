"""Toy engines over one fixed distribution: right ones, and ones with a planted fault."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.ground.records import Completion, Prompt, Request
from rollmill.pipelines.certify.samplers.planted import rare_chances, rare_wins
from rollmill.pipelines.generate.calls import completion_of

CHANCES = np.random.default_rng(9).dirichlet(np.full(48, 0.3))


def uniform(request: Request) -> float:
    """A number in [0, 1) of a request: seeds are hashes."""
    return request.seed / 2**63


class Right:
    """Draws by 53-bit uniforms and gives the log-probability of what it draws."""

    engine = "right"
    spooled = False

    def __init__(self, model: str = "fixed") -> None:
        self.model, self.model_digest = model, model
        self.chances: Floats = CHANCES

    def fingerprint(self) -> Mapping[str, str]:
        return {"engine": self.engine}

    def render(self, prompt: Prompt) -> str:
        return str(prompt)

    def weights(self, temperature: float) -> Floats:
        return self.chances ** (1 / temperature) if temperature else (self.chances == self.chances.max()).astype(float)

    def token(self, request: Request, weights: Floats) -> int:
        return int(np.searchsorted(np.cumsum(weights), uniform(request) * weights.sum(), side="right"))

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        model = (self.engine, self.model, self.model_digest)
        for request in requests:
            token = self.token(request, self.weights(request.sampling.temperature))
            logp = float(np.log(self.chances[token]))
            ids = {"token_ids": (token,), "logprob_sum": logp}
            yield completion_of(request, model, text=f"t{token}", finish_reason="length", tokens_in=1, tokens_out=1, **ids)

    def close(self) -> None:
        pass


class Stating(Right):
    """States the whole distribution."""

    engine = "stating"

    def next_logprobs(self, rendered: str) -> Sequence[float]:
        del rendered
        return [float(value) for value in np.log(self.chances)]


class Hot(Stating):
    """Planted fault: temperature 1 is .97."""

    engine = "hot"

    def weights(self, temperature: float) -> Floats:
        return super().weights(0.97 * temperature)


class Swapped(Stating):
    """Planted fault: two tokens are drawn in each other's place."""

    engine = "swapped"

    def token(self, request: Request, weights: Floats) -> int:
        first, second = np.argsort(-self.chances)[2:4].tolist()
        token = super().token(request, weights)
        swapped: dict[int, int] = {first: second, second: first}
        return swapped.get(token, token)


class Silent(Right):
    """Gives no log-probabilities."""

    engine = "silent"

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for completion in super().generate(requests):
            yield completion_of(requests[0], ("silent", "", ""), text=completion.text, finish_reason="length")


class Rare(Right):
    """A right sampler of a distribution with 50,000 rare tokens."""

    engine = "rare"

    def __init__(self, model: str = "fixed") -> None:
        super().__init__(model)
        self.chances = rare_chances()
        self._cumulative = np.cumsum(self.chances)

    def token(self, request: Request, weights: Floats) -> int:
        del weights
        return int(np.searchsorted(self._cumulative, uniform(request), side="right"))

    def weights(self, temperature: float) -> Floats:
        del temperature
        return self.chances


class Gumbel(Rare):
    """Planted fault: the largest of log p + noise of 32-bit uniforms."""

    engine = "gumbel"

    def token(self, request: Request, weights: Floats) -> int:
        del weights
        rare = rare_wins(self.chances, 1, np.random.default_rng(request.seed))
        return 1 + request.seed % (len(self.chances) - 1) if rare else 0
