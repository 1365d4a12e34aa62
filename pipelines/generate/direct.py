"""Samples of an engine without a workspace: for notebooks, tests, and checks that store nothing.

    JudgeVerifier(sampler=DirectSampler(OpenAI(model="qwen", http=settings)))

In a run `rollmill.flows.sampling` takes its place, which stores completions, charges them and keeps them within a limit.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Prompt, Request
from rollmill.pipelines.generate.embedded.given_texts import GivenTexts
from rollmill.roles.engine_roles import Generator, Interruptible, Sampler, Samples, ScoresTexts


class EngineSampler:
    """Engine properties that all samplers share."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self._generator.engine

    @property
    def model(self) -> str:
        """Name of the model, as people call it."""
        return self._generator.model

    @property
    def model_digest(self) -> str:
        """Digest of everything that decides the model's texts."""
        return self._generator.model_digest

    def render(self, prompt: Prompt) -> str:
        """The text that the model sees for a prompt."""
        return self._generator.render(prompt)

    @property
    def scores_texts(self) -> bool:
        """True if the engine gives the log-probability of a given text."""
        return isinstance(self._generator, ScoresTexts)

    def _engine_for(self, requests: Sequence[Request]) -> Generator:
        """Engine for these requests: the engine itself if it draws, or its scorer if the requests give texts."""
        return GivenTexts(self._generator) if any(request.given is not None for request in requests) else self._generator


class DirectSampler(EngineSampler):
    """Draws each time that it is asked; one call at a time."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(generator)
        self._asking = threading.Lock()
        self._interrupted = threading.Event()

    def sample(self, requests: Sequence[Request]) -> Samples:
        """Completions of these requests; if the engine fails, those received before, and the reason."""
        completions: dict[str, Completion] = {}
        with self._asking:
            self._interrupted.clear()
            try:
                for completion in self._engine_for(requests).generate(requests) if requests else ():
                    completions[completion.id] = completion
            except SetupError:
                raise
            except Exception as error:
                if self._interrupted.is_set():
                    raise KeyboardInterrupt from None
                return Samples(completions, f"{type(error).__name__}: {error}")
        return Samples(completions)

    def interrupt(self) -> None:
        """Make the call under way raise KeyboardInterrupt soon, from any thread."""
        self._interrupted.set()
        if isinstance(self._generator, Interruptible):
            self._generator.interrupt()


class DirectSamplers:
    """Direct samplers by engine name. `settings`: the profile's settings of engines (`threads`, `http`, ...)."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._engines: list[Generator] = []

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = "") -> Sampler:  # noqa: ARG002
        """The sampler of a new engine; nothing is charged, whatever the purpose."""
        from rollmill.pipelines.generate.registry import built_engine

        self._engines.append(built_engine(engine, model, options, **self._settings))
        return DirectSampler(self._engines[-1])

    def close(self) -> None:
        """Release the engines."""
        for engine in self._engines:
            engine.close()
