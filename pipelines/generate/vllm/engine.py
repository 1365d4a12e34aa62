"""The engine `vllm`: any model that vLLM runs, in a child process with vLLM's own interpreter, on a GPU or a CPU.

Each request has a seed of its own, samples of a prompt share its prefix, and completions come as they finish. Prompts are
rendered here, so a finished recipe needs no vLLM.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Prompt, Request, Sampling
from rollmill.pipelines.generate.calls import EngineCall, Interruption, check_sampling, ignore
from rollmill.pipelines.generate.embedded.model_files import FolderTokenizer, cpu_level, model_name
from rollmill.pipelines.generate.prompts import messages_of, split_prefix
from rollmill.pipelines.generate.vllm.child import VllmChild, close_all
from rollmill.pipelines.generate.vllm.model_folder import ChatTemplate, find_folder, find_lora, folder_digest
from rollmill.pipelines.generate.vllm.router import (
    NATIVE_DECODERS,
    NATIVE_WARPS,
    RequestRouter,
    VllmCompletionMaker,
    environment,
    setup_message,
)
from rollmill.pipelines.generate.vllm.vllm_settings import VllmOptions, VllmSettings
from rollmill.pipelines.processes.frames import Message
from rollmill.roles.engine_roles import AttemptListener

ENGINE = "vllm"


class Vllm:
    """A Generator over vLLM. Every option but `vllm`, the profile's settings, is the recipe's.

    Args:
        model: Folder in Hugging Face's layout, or a name in its local cache.
        api: Prompt form: `chat`, or `completions` for base models.
        revision: Revision of a name in Hugging Face's cache.
        dtype: Number type of the weights.
        max_model_len: Longest prompt and answer together, in tokens; none: the model's own.
        quantization: Quantization method, as vLLM names it.
        system: System message before every prompt.
        chat_template: Jinja text, or the path of a file, in place of the model's chat template.
        reasoning: The chat template's thinking switch, or a reasoning effort.
        reasoning_parser: vLLM's parser that splits off the reasoning.
        guided: A guide for the text: one of json, regex, choice, grammar.
        speculative: vLLM's speculative_config, such as {method: ngram, num_speculative_tokens: 4, prompt_lookup_max: 4}.
        lora: Folder of a LoRA adapter.
        logprobs: 0 asks for log-probabilities of the drawn tokens, k also for those of the k likeliest.
        self_certainty: Compute the mean KL divergence from the uniform distribution.
        extra: More of vLLM's SamplingParams.
    """

    engine = ENGINE
    spooled = True
    places = ("model", "lora", "chat_template")
    warps = NATIVE_WARPS
    decoders = NATIVE_DECODERS
    under_way = 0  # it is nobody's bill: what a kill costs is drawn again by the same machine

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        model: str,
        *,
        api: str = "chat",
        revision: str | None = None,
        dtype: str = "auto",
        max_model_len: int | None = None,
        quantization: str | None = None,
        system: str | None = None,
        chat_template: str | None = None,
        reasoning: bool | str | None = None,
        reasoning_parser: str | None = None,
        guided: Mapping[str, Any] | None = None,
        speculative: Mapping[str, Any] | None = None,
        lora: str | None = None,
        logprobs: int | None = None,
        self_certainty: bool = False,
        extra: Mapping[str, Any] | None = None,
        vllm: VllmSettings | None = None,
    ) -> None:
        self._options = VllmOptions(
            api=api,
            revision=revision,
            dtype=dtype,
            max_model_len=max_model_len,
            quantization=quantization,
            system=system,
            chat_template=chat_template,
            reasoning=reasoning,
            reasoning_parser=reasoning_parser,
            guided=dict(guided or {}),
            speculative=dict(speculative or {}),
            lora=lora,
            logprobs=logprobs,
            self_certainty=self_certainty,
            extra=dict(extra or {}),
        )
        self._settings = vllm or VllmSettings()
        self._folder = find_folder(model, revision)
        self._lora = None if lora is None else find_lora(lora)
        own = self._options.template_text()
        self._template = ChatTemplate.of(self._folder, own) if api == "chat" else None
        # The folder of a snapshot is named by its commit.
        self.model = model if "/snapshots/" in str(self._folder) else model_name(self._folder)
        self._last: tuple[Prompt | None, str] = None, ""
        self._running: _Running | None = None
        self._starting: _Running | None = None
        self._lock = threading.Lock()

    @classmethod
    def capacity(cls, profile: Mapping[str, Any]) -> int:
        """Sequences that vLLM computes in parallel."""
        settings: VllmSettings = profile["vllm"]
        return settings.capacity

    @cached_property
    def model_digest(self) -> str:
        """The identity of the model, its adapter and the options: their files by content, read once."""
        parts = [folder_digest(self._folder), None if self._lora is None else folder_digest(self._lora)]
        return digest128(["vllm", *parts, self._options.identity()])

    @classmethod
    def with_schema(cls, options: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options with the schema as guide, unless they have a guide."""
        return {"guided": {"json": schema}, **options}

    def fingerprint(self) -> Mapping[str, str]:
        """Known facts about the engine: packages of its interpreter, processor or device, and how it is spread."""
        settings = self._settings
        running = self._running
        return {
            "engine": self.engine,
            "model": self.model_digest,
            **(settings.packages() or {"vllm": "not known: no interpreter"}),
            "cpu": cpu_level(),
            "device": running.facts["device"] if running is not None else "not asked",
            "dtype": running.facts["dtype"] if running is not None else self._options.dtype,
            "parallel": f"tensor {settings.tensor_parallel}, data {settings.data_parallel}",
            "promise": "seeds and options: vLLM's batching may change the last bits of logits, and with them a token",
        }

    def render(self, prompt: Prompt) -> str:
        """The text the model sees; the last one is remembered, as all samples of a prompt ask for it."""
        last, rendered = self._last
        if last is not prompt:
            asked, prefix = split_prefix(prompt)
            if self._template is None:
                rendered = plain_text(asked) + prefix
            else:
                messages = messages_of(asked, self._options.system)
                rendered = self._template.render(messages, self._options.template_kwargs()) + prefix
            self._last = prompt, rendered
        return rendered

    def prompt_tokens(self, rendered: str) -> int:
        """Number of tokens of a rendered prompt; without a tokenizer that can be read here, an upper bound."""
        clean = rendered.encode("utf-8", errors="replace")
        if self._tokenizer is None:
            return len(clean) + 2  # a token holds a byte at least; some tokenizers begin with one or two of their own
        return len(self._tokenizer.encode(clean.decode(), add_special_tokens=self._template is None).ids)

    @cached_property
    def _tokenizer(self) -> Any:
        path = self._folder / "tokenizer.json"
        return FolderTokenizer(path) if path.is_file() else None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, as they finish."""
        for group in self.groups(requests):
            yield from group

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """The log-probability of each request's text behind its prompt, as they finish."""
        return self.generate(requests)

    def check_sampling(self, sampling: Sampling) -> None:
        """SetupError for parameters that it cannot draw with, or that its options give a second time."""
        check_sampling(ENGINE, sampling, self.warps, self.decoders)
        if sampling.decode is not None and self._options.guided:
            raise SetupError("the recipe's decode and the engine's guided are two guides.", next_command="one of them")
        if twice := {warp.name for warp in sampling.warp} & self._options.extra.keys():
            raise SetupError(f"{twice.pop()!r} is a warp of the recipe and a key of its extra.", next_command="one of them")

    def groups(self, requests: Sequence[Request], on_attempts: AttemptListener = ignore) -> Iterator[Sequence[Completion]]:
        """Completions in groups of those that have come meanwhile; asking for the next group says that this one is safe.

        `on_attempts` is called with no failed attempts: a child answers or dies. SetupError if it dies, after the
        completions received before.
        """
        for sampling in {request.sampling for request in requests}:
            self.check_sampling(sampling)
        if not requests:
            return
        router, call = self._started().router, EngineCall(requests)
        unsaved: Sequence[Completion] = ()
        router.add(call)
        try:
            while unsaved := call.take():
                on_attempts(call.attempts())
                yield unsaved
                router.saved(unsaved)
                unsaved = ()
        finally:
            # Also where the caller leaves at a yield: the room of its requests is free again.
            router.forget(call, unsaved)
        if call.error is not None:
            raise call.error

    def interrupt(self) -> None:
        """Give up the requests in flight, from any thread: every call of `groups` raises Interruption."""
        self._end_start()
        if (running := self._running) is not None:
            running.router.interrupt()

    def wind_down(self) -> None:
        """Begin nothing more, from any thread: calls of `groups` give the rows in progress, then raise Interruption."""
        self._end_start()
        if (running := self._running) is not None:
            running.router.wind_down()

    def close(self) -> None:
        """End the child and its processes; a later call restarts it."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def _started(self) -> "_Running":
        """The children, started if there are none or if one of them has died."""
        with self._lock:
            if self._running is not None and self._running.dead:
                self._running.close()
                self._running = None
            if self._running is None:
                digest = None if self._template is None else self._template.digest
                make_completion = VllmCompletionMaker((self.engine, self.model, self.model_digest), digest)
                message = setup_message(self._folder, self._lora, self._options, self._settings)
                self._starting = _Running(self._settings, message)
                try:
                    self._starting.wait(make_completion)
                    self._running = self._starting
                finally:
                    self._starting = None
            return self._running

    def _end_start(self) -> None:
        """Stop waiting for a model that is no longer wanted."""
        # Without the lock, which a start holds until the model is loaded.
        if (starting := self._starting) is not None:
            starting.abandon()


class _Running:
    """The children and, once they are ready, the router before them."""

    router: RequestRouter
    facts: Mapping[str, Any]

    def __init__(self, settings: VllmSettings, message: Message) -> None:
        self.dead = self._abandoned = False
        certainty = bool(message["certainty_slots"])
        replicas = range(settings.data_parallel)
        self._children = [VllmChild(settings, message, environment(settings, at, certainty=certainty)) for at in replicas]

    def wait(self, make_completion: VllmCompletionMaker) -> None:
        """Until every child has loaded its model; SetupError if one cannot, Interruption if nobody waits any more."""
        try:
            facts_of_each = [child.ready() for child in self._children]
        except BaseException:
            self.close()
            if self._abandoned:
                raise Interruption from None
            raise
        self.facts = facts_of_each[0]
        self.router = RequestRouter(
            self._children, [2 * int(facts["max_num_seqs"]) for facts in facts_of_each], make_completion
        )
        for child in self._children:
            child.listen(self.router.answers, self._fail)

    def abandon(self) -> None:
        """End children that have not loaded yet."""
        self._abandoned = True
        for child in self._children:
            child.close(patience=0.0)

    def close(self) -> None:
        """End all of it."""
        close_all(self._children)

    def _fail(self, error: SetupError) -> None:
        self.dead = True
        self.router.fail(error)
