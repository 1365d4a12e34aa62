"""Samplers that return stored completions and draw nothing, for commands that read model-written problems at no cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.flows.sampling.engine_models import engine_model
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Request
from rollmill.pipelines.generate.direct import EngineSampler
from rollmill.pipelines.generate.registry import built_engine
from rollmill.roles.engine_roles import Generator, Sampler, Samples
from rollmill.storage.workspace import Workspace


class StoredSampler(EngineSampler):
    """Stored completions of one engine; SetupError if one is missing."""

    def __init__(self, ws: Workspace, engine: Generator) -> None:
        super().__init__(engine)
        self._ws = ws

    def sample(self, requests: Sequence[Request]) -> Samples:
        """The completions of these requests."""
        ids = list(dict.fromkeys(request.completion_id for request in requests))
        stored = {completion.id: completion for completion in self._ws.segments.fetch("completions", ids)}
        if len(stored) < len(ids):
            raise SetupError(
                f"{len(ids) - len(stored)} of {len(ids)} texts that these problems are made of are not written yet.",
                next_command="rollmill synthesize RECIPE, which asks the model",
            )
        return Samples(stored)

    def interrupt(self) -> None:
        """Do nothing: this sampler makes no calls that could be interrupted."""


class StoredSamplers:
    """Stored samplers by engine; the engines only compute completion ids and draw nothing."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._engines: list[Generator] = []

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = "") -> Sampler:  # noqa: ARG002
        """The sampler of an engine, whatever the purpose."""
        self._engines.append(built_engine(engine, engine_model(self._ws.models, engine, model), options))
        return StoredSampler(self._ws, self._engines[-1])

    def close(self) -> None:
        """Release the engines."""
        for engine in self._engines:
            engine.close()
