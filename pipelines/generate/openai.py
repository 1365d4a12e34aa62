"""The engine `openai`: any server that speaks OpenAI's API (vLLM, SGLang, llama.cpp, Ollama, hosted ones), one or several.

Requests run in an event loop of its own thread; callers see an iterator. Replies come in groups, so that a caller can make
a group durable in one write; until it takes the next group, those replies count as under way.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Prompt, Request, Sampling
from rollmill.pipelines.generate.calls import EngineCall, check_sampling, ignore
from rollmill.pipelines.generate.http.client import ENGINE, SEED_BITS, Asking, CompletionClient, Wire
from rollmill.pipelines.generate.http.dispatch import Dispatcher
from rollmill.pipelines.generate.http.exchange import Exchange
from rollmill.pipelines.generate.http.failures import ErrorMessages
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Secrets
from rollmill.pipelines.generate.http.refusals import RefusedPrompts
from rollmill.pipelines.generate.http.replicas import Replica
from rollmill.roles.engine_roles import AttemptListener

T = TypeVar("T")
CLOSE_SECONDS = 10.0


class OpenAI:
    """A Generator over HTTP. Every option but `http` is the recipe's; `http`: the profile's settings of servers."""

    engine = ENGINE
    spooled = True
    names_served_models = True

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        model: str,
        *,
        api: str = "chat",
        system: str | None = None,
        revision: str | None = None,
        extra: Mapping[str, Any] | None = None,
        logprobs: int | None = None,
        reasoning: bool | str | None = None,
        seed_bits: int = SEED_BITS,
        limit: str = "max_tokens",
        http: HttpSettings | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            model: Name of the model, as the server lists it.
            api: Request form: `chat`, or `completions` for base models.
            system: System message before every prompt.
            revision: Your name for this state of the model; another revision draws new completions.
            extra: Additional keys of the request's body; null leaves out a key that is sent otherwise, such as `n`.
            logprobs: 0 requests log-probabilities of the drawn tokens, k also those of the k likeliest.
            reasoning: The chat template's thinking switch, or a reasoning effort.
            seed_bits: Bits of the seeds sent; 0 sends none.
            limit: Name of the request's key for the token limit.
        """
        self._speak(Wire(model, api, system, revision, dict(extra or {}), logprobs, reasoning, seed_bits, limit), http)

    def _speak(self, wire: Asking, http: HttpSettings | None) -> None:
        """Take the options of requests, and the servers."""
        self._wire, self._settings = wire, http or HttpSettings()
        self._refusals = RefusedPrompts(self._settings.max_failed)
        self.model = wire.model
        self.model_digest = wire.digest()
        self._last: tuple[Prompt | None, str] = None, ""
        self._running: _Loop | None = None
        self._lock = threading.Lock()

    @classmethod
    def capacity(cls, profile: Mapping[str, Any]) -> int:
        """Requests that the profile's servers answer in parallel."""
        settings: HttpSettings | None = profile["http"]
        return 0 if settings is None else settings.capacity

    @classmethod
    def with_schema(cls, options: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options with a `response_format` of the schema, unless they have one."""
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        return {**options, "extra": {"response_format": form, **(options.get("extra") or {})}}

    @property
    def under_way(self) -> int | None:
        """Largest number of requests at servers, or arrived and not durable; None until servers of ours are up."""
        if self._running is not None:
            return self._running.dispatcher.window
        if self._settings.starts(self.model):
            return None
        return sum(server.concurrency for server in self._settings.serving(self.model))

    def go_on(self, refused: int, stored: int) -> None:
        """Count the refused prompts of a run from those of its stored replies on."""
        self._refusals.go_on(refused, stored)

    def fingerprint(self) -> Mapping[str, str]:
        """Known facts about the model: names and the recipe's declarations. No promise that the weights stayed the same."""
        wire = self._wire
        return {
            "engine": self.engine,
            "model": self.model_digest,
            "name": wire.model,
            "revision": wire.revision or "not declared",
            "api": wire.api,
            "promise": "names and options only: a server's weights, template and kernels are its own",
        }

    def render(self, prompt: Prompt) -> str:
        """The prompt as sent; the last one is cached, as all samples of a prompt need it."""
        last, rendered = self._last
        # By identity: the samples of a prompt share the object.
        if last is not prompt:
            rendered = self._wire.render(prompt)
            self._last = prompt, rendered
        return rendered

    def check_sampling(self, sampling: Sampling) -> None:
        """SetupError for parameters without a meaning, and for a key that `extra` gives a second time."""
        check_sampling(ENGINE, sampling, sends=True)
        self._wire.fixed(sampling)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, as they come."""
        for group in self.groups(requests):
            yield from group

    def groups(
        self, requests: Sequence[Request], on_attempts: AttemptListener = ignore
    ) -> Generator[Sequence[Completion], None, None]:
        """Completions in groups of those that have come meanwhile; asking for the next group says that this one is safe.

        `on_attempts` gets the sums of all attempts. SetupError once all attempts of a request failed, after the replies
        received before.
        """
        for sampling in {request.sampling for request in requests}:
            # Before anything starts, so that a wrong recipe costs nothing.
            self.check_sampling(sampling)
        if not requests:
            return
        loop, call = self._started(), EngineCall(requests)
        unsaved = 0
        loop.soon(loop.dispatcher.add, call)
        try:
            while group := call.take():
                unsaved = len(group)
                on_attempts(call.attempts())
                yield group
                loop.soon(loop.dispatcher.saved, unsaved)
                unsaved = 0
        finally:
            # Also where the caller leaves at a yield: its replies no longer count as under way.
            loop.soon(loop.dispatcher.forget, call, unsaved)
            on_attempts(call.attempts())
        if call.error is not None:
            raise call.error

    def interrupt(self) -> None:
        """Give up the requests in flight, from any thread: every call of `groups` raises Interruption."""
        self._wait_no_more()
        if self._running is not None:
            self._running.soon(self._running.dispatcher.interrupt)

    def wind_down(self) -> None:
        """Send nothing more, from any thread: every call of `groups` gives what still arrives, then raises Interruption."""
        self._wait_no_more()
        if self._running is not None:
            self._running.soon(self._running.dispatcher.wind_down)

    def close(self) -> None:
        """End the loop's thread and its connections; a later call restarts them."""
        with self._lock:
            # Taken out under the lock, closed outside of it: closing waits for the loop.
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def _wait_no_more(self) -> None:
        if self._running is None and self._settings.local is not None:
            self._settings.local.interrupt()

    def _started(self) -> "_Loop":
        settings = self._settings
        running = self._running
        if running is not None:
            return running
        servers = settings.serving(self.model)
        if settings.local is not None and settings.starts(self.model):  # may take minutes: not under the lock
            servers = (*servers, *settings.local.serving(self.model, self._lost))
            settings = replace(settings, patience=max(settings.patience, settings.local.patience(self.model)))
        with self._lock:
            # Another thread may have started one while servers were coming up.
            if self._running is None:
                secrets = Secrets()
                replicas = [Replica(server, secrets.learn(server)) for server in servers]
                self._running = _Loop(replicas, settings, self._wire, secrets, self._refusals)
            return self._running

    def _lost(self, error: SetupError) -> None:
        """Handle the permanent loss of the last server started for this engine; from any thread."""
        running = self._running
        if running is not None and not self._settings.serving(self.model):
            running.soon(running.dispatcher.fail, error)


class _Loop:
    """An event loop in a thread, with everything that lives in it."""

    dispatcher: Dispatcher

    def __init__(
        self, replicas: Sequence[Replica], settings: HttpSettings, wire: Asking, secrets: Secrets, refusals: RefusedPrompts
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-loop", daemon=True)
        self._thread.start()
        messages = ErrorMessages(wire.model, secrets)
        self._client = CompletionClient(wire, settings, secrets, messages)

        # Inside the loop: the client session and the dispatcher need it to be running when they are built.
        async def begin() -> None:
            self._client.exchange = Exchange(settings)
            self.dispatcher = Dispatcher(replicas, settings, messages, refusals)
            self.dispatcher.ask, self.dispatcher.probe = self._client.ask, self._client.probe

        self._wait(begin())

    def soon(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run something in the loop's thread; nothing if the loop is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *arguments)

    def close(self) -> None:
        """End everything in the loop, then the loop."""

        async def finish() -> None:
            await self.dispatcher.close()
            await self._client.exchange.close()

        self._wait(finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CLOSE_SECONDS)
