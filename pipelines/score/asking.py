"""Base of scorers that ask a model: the model, the requests, and the answers by request.

They ask a Sampler, which in a run stores the model's replies, charges them and keeps them within the run's limit.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import (
    Completion,
    Message,
    Origin,
    Prompt,
    Request,
    Sampling,
    completion_id,
    given_request,
    prompt_json,
)
from rollmill.ground.solutions import lines_of
from rollmill.roles.engine_roles import Sampler, Samplers
from rollmill.roles.protocols import MODEL

STREAM = PURPOSE = "score"
TOGETHER = 1_024  # requests that are asked together: what a kill can cost of an engine in this process


@dataclass(kw_only=True)
class AskingScorer:
    """A scorer that asks a model. `engine`, `model` and `engine_options` as in a recipe.

    `samplers`: who gives the sampler of that engine, in a run. `sampler`: one that exists already.
    """

    engine: str = "embedded"
    """Engine of the model that is asked, as in `generate`."""
    model: str = "models/rollmill-tiny"
    """Model that is asked."""
    engine_options: Mapping[str, Any] | None = None
    """Options of that engine."""
    sampler: Sampler | None = None
    samplers: Samplers | None = field(default=None, repr=False)
    name: str = field(init=False, default="")
    needs: Sequence[str] = field(init=False, default=(MODEL,))

    def required_sampler(self) -> Sampler:
        """The model; SetupError without one."""
        if self.sampler is None:
            if self.samplers is None:
                raise SetupError(
                    f"scorer {self.name!r} asks a model, and outside a run it is given none.",
                    next_command="sampler=DirectSampler(engine), from rollmill.pipelines.generate.direct",
                )
            self.sampler = self.samplers.of(self.engine, self.model, self.engine_options or {}, PURPOSE)
        return self.sampler

    def versioned(self, number: str, **options: Any) -> str:
        """A version of the scorer's number, the model that it asks and its options."""
        model = self.required_sampler()
        parts = [number, f"engine={model.engine}", f"model={model.model_digest[:12]}"]
        return " ".join([*parts, *(f"{key}={value}" for key, value in options.items())])

    def request(self, prompt: Prompt, given: str, *, behind: str = "") -> Request:
        """The request for the log-probability of a text as the continuation of the model's answer."""
        model = self.required_sampler()
        origin = Origin(model.engine, model.model_digest, STREAM)
        return given_request(origin, prompt, model.render(prompt) + behind, given)

    def token_request(self, prompt: Prompt) -> Request:
        """The request for the likeliest token behind a prompt, or for the number that a rating engine gives it."""
        # Greedy: seed and index change nothing, so both are fixed and equal prompts are one request.
        model, sampling = self.required_sampler(), Sampling(temperature=0.0, max_tokens=1)
        rendered, origin = model.render(prompt), Origin(model.engine, model.model_digest, STREAM)
        cid = completion_id(origin, rendered, sampling, seed=0, sample_index=0)
        return Request(cid, digest128(["prompt", prompt_json(prompt)]), prompt, rendered, sampling, 0, STREAM, 0)

    def sample(self, requests: Sequence[Request]) -> dict[str, Completion]:
        """Completions by id, each requested once; FoundWanting if the engine failed: received ones are stored."""
        model, completions = self.required_sampler(), dict[str, Completion]()
        # Equal requests have equal ids, and a dict keeps their order.
        different = list({request.completion_id: request for request in requests}.values())
        for start in range(0, len(different), TOGETHER):
            samples = model.sample(different[start : start + TOGETHER])
            completions |= samples.completions
            if samples.failure is not None:
                raise FoundWanting(
                    f"scorer {self.name!r}: {model.engine} {model.model} failed: {samples.failure}",
                    next_command="the same command again, which asks only for what is missing",
                )
        return completions


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text."""
    return prompt if isinstance(prompt, str) else "\n\n".join(_turn(message) for message in prompt)


def _turn(message: Message) -> str:
    return message.content if message.role == "user" else f"{message.role}: {message.content}"


def prefixes(text: str) -> list[str]:
    """The text up to the end of each line that is not blank."""
    return [text[: line.end].rstrip("\r\n") for line in lines_of(text)]


def took(completions: Sequence[Completion], uses: Counter[str]) -> dict[str, float | None]:
    """Seconds and cost of the completions that a score rests on; of one that several rest on (`uses`, by id), a share."""
    # Without any price the cost is unknown (None), and not 0.
    costs = [completion.cost / uses[completion.id] for completion in completions if completion.cost is not None]
    seconds = math.fsum((completion.seconds or 0.0) / uses[completion.id] for completion in completions)
    return {"seconds": seconds, "cost": math.fsum(costs) if costs else None}
