"""Texts that synthesizers ask a model for: through a Sampler, and in a run that one stores them, charges and limits them.

A writer's engine may be any of a recipe's. Where it can be held to a JSON schema (`openai` with a server that knows
`response_format`, `vllm`) it is; elsewhere the answer is read as JSON if it is some.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.roles.engine_roles import Sampler, Samplers, TakesSchema
from rollmill.roles.registries import registry

STREAM = PURPOSE = "write"
TOGETHER = 512  # requests that are asked together
_JSON = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WriterModel:
    """Model that is asked, with its options: keys as in a recipe's `generate`."""

    engine: str = "embedded"
    model: str = "models/rollmill-tiny"
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    max_tokens: int = 512
    prompt_template: str = "{prompt}"

    def held_to(self, schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The engine's options with a JSON schema among them, if it can be held to one and is not to another."""
        engines = registry("engine")
        if schema is None or self.engine not in engines or not isinstance(engines[self.engine], TakesSchema):
            return self.engine_options
        options: Mapping[str, Any] = engines[self.engine].with_schema(self.engine_options, schema)
        return options


def model_of(given: Mapping[str, Any] | None, what: str) -> WriterModel:
    """A model out of a recipe's option; SetupError for an unknown key."""
    options = dict(given or {})
    known = tuple(WriterModel.__dataclass_fields__)
    for key in options:
        if key not in known:
            raise SetupError(f"{what}: unknown key {key!r}.", choices=known)
    model = WriterModel(**options)
    if "{prompt}" not in model.prompt_template:
        raise SetupError(f"{what}: its prompt_template has no {{prompt}}.")
    return model


class Writer:
    """A model that is asked by name. `name`: the synthesizer's, for messages."""

    def __init__(
        self, name: str, model: WriterModel, samplers: Samplers | None, schema: Mapping[str, Any] | None = None
    ) -> None:
        if samplers is None:
            raise SetupError(
                f"synthesizer {name!r} asks a model, and here it is given none.",
                next_command="samplers=DirectSamplers(), from rollmill.pipelines.generate.direct",
            )
        self._name, self._template = name, model.prompt_template
        self._sampling = Sampling(temperature=model.temperature, max_tokens=model.max_tokens)
        self._sampler: Sampler = samplers.of(model.engine, model.model, model.held_to(schema), PURPOSE)

    @property
    def version(self) -> str:
        """Version of everything besides the prompts that determines the texts."""
        sampling = f"temperature={self._sampling.temperature:g} max_tokens={self._sampling.max_tokens}"
        return f"engine={self._sampler.engine} model={self._sampler.model_digest[:12]} {sampling}"

    def texts(self, asked: Sequence[tuple[str, int]], seed: int) -> list[str | None]:
        """The text for each (prompt, index), in order; None for one that was cut off: half a problem is another problem.

        FoundWanting if the engine failed: received completions are stored.
        """
        origin = Origin(self._sampler.engine, self._sampler.model_digest, STREAM, seed)
        requests = [self._request(prompt, index, origin) for prompt, index in asked]
        completions: dict[str, Completion] = {}
        for start in range(0, len(requests), TOGETHER):
            samples = self._sampler.sample(requests[start : start + TOGETHER])
            completions |= samples.completions
            if samples.failure is not None:
                raise FoundWanting(
                    f"synthesizer {self._name!r}: {self._sampler.engine} {self._sampler.model} failed: {samples.failure}",
                    next_command="the same command again, which asks only for what is missing",
                )
        replies = (completions[request.completion_id] for request in requests)
        return [None if completion.finish_reason == "length" else completion.text for completion in replies]

    def _request(self, prompt: str, index: int, origin: Origin) -> Request:
        # No str.format: a prompt template may hold other braces, those of JSON for one.
        filled = self._template.replace("{prompt}", prompt)
        return request_for(Problem(filled, ""), self._sampler.render(filled), self._sampling, origin, index)


def fields_of(text: str | None, names: Sequence[str]) -> dict[str, str] | None:
    """The fields of the JSON object in a text, as texts; None if there is none or one of them is missing or empty."""
    match = _JSON.search(text or "")
    try:
        # Models write raw line breaks inside of JSON strings, which strict reading refuses.
        value = json.loads(match[0], strict=False) if match else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    plain = {name: value.get(name) for name in names}
    texts = {name: _storable(str(part)).strip() for name, part in plain.items() if isinstance(part, (str, int, float))}
    return texts if len(texts) == len(names) and all(texts.values()) else None


def _storable(text: str) -> str:
    """The text without halves of characters, which a model's escapes may spell and no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def schema_of(names: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an object with these fields, all texts."""
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": list(names), "additionalProperties": False}
