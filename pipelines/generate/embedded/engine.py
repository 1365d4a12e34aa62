"""The engine `embedded`: the model we ship, run by onnxruntime on the CPU with our sampling loop.

No torch, no server, no download. Texts depend on the request and the fingerprint, not on batch, order, neighbours or
threads. The first requests are drawn on the caller's thread, while draw workers load the model for those to come.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Prompt, Request, Sampling
from rollmill.ground.replies.faults import TOO_LONG
from rollmill.pipelines.generate.calls import LOGPROB_SAMPLED, STOP, EngineCall, check_sampling, completion_of
from rollmill.pipelines.generate.embedded.model_files import ModelFiles, Vocabulary, cpu_level, render_chat

if TYPE_CHECKING:
    from rollmill.pipelines.generate.embedded.decode import DecodeGroup, DrawnSample
    from rollmill.pipelines.generate.embedded.decoded_rows import DecodedRows
    from rollmill.pipelines.generate.embedded.draw_workers import DrawWorkers
    from rollmill.pipelines.generate.embedded.session import ModelSession

SHIPPED = "models/rollmill-tiny"
GROUP = 8  # requests of one prompt that a decoding loop takes at a time
WORKERS_FROM = 128  # requests since the engine was made: fewer are drawn before a process has loaded the model
MAX_THREADS = 16  # draw workers at most, however many cores there are


class Embedded:
    """A Generator over a model folder. `threads` 0 means every core this process may use; it changes no text."""

    engine = "embedded"
    spooled = False
    places = ("model",)
    warps: Sequence[str] | None = None  # any
    decoders: Sequence[str] | None = None  # any

    def __init__(self, model: str = SHIPPED, threads: int = 0) -> None:
        """Take the options of a recipe.

        Args:
            model: Folder of the model.
        """
        if threads < 0:
            raise SetupError(f"threads is {threads}, below 0.", choices=("0 = all cores", "1", "2", "..."))
        self._files = ModelFiles.open(model)
        self.model = self._files.name
        self.model_digest = self._files.digest
        self._make = CompletionMaker((self.engine, self.model, self.model_digest), self._files.context)
        self._threads = threads or min(MAX_THREADS, _cores())
        self._vocabulary: Vocabulary | None = None
        self._session: ModelSession | None = None
        self._workers: DrawWorkers | None = None
        self._decoding: list[DecodedRows] = []  # those that no thread uses; pop and append of a list are atomic
        self._requested = 0
        self._loading = threading.Lock()

    @property
    def calls(self) -> int:
        """Number of parallel calls of `generate`: workers continue with the second when the first runs out of requests."""
        return 2 if self._threads > 1 else 1

    def fingerprint(self) -> Mapping[str, str]:
        """Facts that equality of texts depends on; `rows` names the row counts whose bits agree on this machine."""
        session, _ = self._loaded()  # first: it sets what onnxruntime reads as it is imported

        import numpy as np
        import onnxruntime

        from rollmill.pipelines.generate.embedded.session import SIZES

        return {
            "engine": self.engine,
            "model": self.model_digest,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
            "cpu": cpu_level(),
            "rows": "any" if session.sizes == SIZES else ",".join(map(str, session.sizes)),
        }

    def render(self, prompt: Prompt) -> str:
        """The marked-up text the model sees."""
        return render_chat(prompt)

    def prompt_tokens(self, rendered: str) -> int:
        """Number of tokens of a rendered prompt."""
        _, vocabulary = self._loaded()
        return len(vocabulary.encode(rendered))

    def next_logprobs(self, rendered: str) -> Sequence[float]:
        """Log-probabilities of all tokens behind a rendered prompt, by token id."""
        return self.later_logprobs(rendered, ())

    def later_logprobs(self, rendered: str, tokens: Sequence[int]) -> Sequence[float]:
        """Log-probabilities of all tokens behind a rendered prompt and tokens, by token id."""
        import numpy as np

        session, vocabulary = self._loaded()
        logits = session.prefill([*vocabulary.encode(rendered), *tokens]).logits.astype(np.float64)
        logp: Sequence[float] = (logits - np.logaddexp.reduce(logits)).tolist()
        return logp

    def check_sampling(self, sampling: Sampling) -> None:
        """SetupError for parameters that it cannot draw with."""
        check_sampling(self.engine, sampling, self.warps, self.decoders)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, as they finish. A prompt too long for the context gives an empty text, cut
        short.
        """
        for sampling in {request.sampling for request in requests}:
            self.check_sampling(sampling)
        decoded = [request for request in requests if request.sampling.decode is not None]
        if decoded:
            yield from self._decoded(decoded)
            requests = [request for request in requests if request.sampling.decode is None]
        groups, too_long = self._grouped(requests)
        yield from too_long
        yield from self._drawn(groups, self._workers_for(groups))

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """The log-probability of each request's text behind its prompt, on the caller's thread."""
        from rollmill.pipelines.generate.embedded.given_texts import TextScorer

        session, vocabulary = self._loaded()
        return TextScorer(session, vocabulary, (self.engine, self.model, self.model_digest)).completions(requests)

    def close(self) -> None:
        """Drop the session and end the workers; a later call loads them again."""
        with self._loading:
            workers, self._workers = self._workers, None
            self._session = self._vocabulary = None
            self._decoding = []
        if workers is not None:
            workers.close()

    def _grouped(self, requests: Sequence[Request]) -> "tuple[deque[DecodeGroup], list[Completion]]":
        """Groups for the decoding loops, and the answers to prompts that the context has no room for."""
        from rollmill.pipelines.generate.embedded.decode import DecodeGroup

        session, vocabulary = self._loaded()
        groups, too_long = deque[DecodeGroup](), list[Completion]()
        for ids, same in _by_prompt(vocabulary, requests):
            if len(ids) >= session.files.context:
                too_long += [self._make.too_long(request, len(ids)) for request in same]
            else:
                groups.extend(DecodeGroup(ids, same[at : at + GROUP]) for at in range(0, len(same), GROUP))
        return groups, too_long

    def _decoded(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Completions of requests with a decoder, on the caller's thread."""
        from rollmill.pipelines.generate.decoders.decoder import built_decoder
        from rollmill.pipelines.generate.embedded.decoded_rows import DecodedRows

        for sampling in {request.sampling for request in requests}:
            assert sampling.decode is not None
            built_decoder(sampling.decode).check(sampling)
        groups, too_long = self._grouped(requests)
        yield from too_long
        session, vocabulary = self._loaded()
        try:
            rows = self._decoding.pop()
        except IndexError:
            rows = DecodedRows(session, vocabulary)
        try:
            for row in rows.run([(request, group.ids) for group in groups for request in group.requests]):
                yield self._make.drawn(row.request, row.prompt, row.sample, row.meta)
        finally:
            self._decoding.append(rows)

    def _drawn(self, groups: "deque[DecodeGroup]", workers: "DrawWorkers | None") -> Iterator[Completion]:
        """Completions from the workers; until the first worker has loaded the model, the caller's thread draws."""
        from rollmill.pipelines.generate.embedded.decode import DecodeLoop, DrawnSample

        handed: list[tuple[DrawWorkers, EngineCall]] = []

        def next_group() -> "DecodeGroup | None":
            if workers is not None and workers.ready and not handed:
                handed.append((workers, workers.submit(groups)))
                groups.clear()
            return groups.popleft() if groups else None

        session, vocabulary = self._loaded()
        try:
            for row in DecodeLoop(session, vocabulary, next_group).run():
                yield self._make.drawn(row.request, row.prompt, DrawnSample.of(row, vocabulary))
            for owner, call in handed:
                yield from owner.collect(call)
        finally:
            for owner, call in handed:
                owner.forget(call)

    def _workers_for(self, groups: "Sequence[DecodeGroup]") -> "DrawWorkers | None":
        """The draw workers, started if there is enough for them to do; none for a single group."""
        from rollmill.pipelines.generate.embedded.draw_workers import DrawWorkers

        session, _ = self._loaded()
        if self._threads == 1 or len(groups) < 2:
            return None
        with self._loading:
            self._requested += sum(len(group.requests) for group in groups)
            if self._workers is not None and self._workers.failure is not None:
                self._workers.close()
                self._workers = None
            if self._workers is None and self._requested >= WORKERS_FROM:
                self._workers = DrawWorkers(self._files.folder, session.sizes, self._threads, self._make.drawn)
                # Bound to the workers: a callback that held this engine would keep it alive.
                weakref.finalize(self, self._workers.close)
            return self._workers

    def _loaded(self) -> "tuple[ModelSession, Vocabulary]":
        from rollmill.pipelines.generate.embedded.session import ModelSession

        with self._loading:
            if self._session is None or self._vocabulary is None:
                self._vocabulary = Vocabulary(self._files.folder / "tokenizer.json")
                self._session = ModelSession(self._files)
            return self._session, self._vocabulary


@dataclass(frozen=True, slots=True)
class CompletionMaker:
    """Completions of one model. It has no reference to the engine, so that an unused one is released with its workers."""

    model: tuple[str, str, str]
    context: int

    def drawn(
        self, request: Request, prompt: Sequence[int], drawn: "DrawnSample", more: Mapping[str, Any] | None = None
    ) -> Completion:
        """The completion of a drawn row. `more`: what a decoder adds to its meta."""
        tokens = len(drawn.tokens)
        stop = {} if drawn.stop is None else {STOP: drawn.stop}
        sampled = {LOGPROB_SAMPLED: drawn.sampled} if request.sampling.warp else {}
        return completion_of(
            request,
            self.model,
            text=drawn.text,
            finish_reason="stop" if drawn.finish == "stop" else "length",
            tokens_in=len(prompt),
            tokens_out=tokens,
            logprob_sum=drawn.logprob,
            self_certainty=drawn.certainty / tokens if tokens else None,
            seconds=drawn.seconds,
            prompt_token_ids=tuple(prompt),
            token_ids=tuple(drawn.tokens),
            meta={**stop, **sampled, **(more or {})},
        )

    def too_long(self, request: Request, length: int) -> Completion:
        """The answer to a prompt that leaves no room for one."""
        return completion_of(
            request,
            self.model,
            text="",
            finish_reason="length",
            tokens_in=length,
            tokens_out=0,
            meta={"cause": f"prompt of {length} tokens, context of {self.context}", "finish_reason": TOO_LONG},
        )


def _by_prompt(vocabulary: Vocabulary, requests: Sequence[Request]) -> Iterator[tuple[tuple[int, ...], list[Request]]]:
    """Requests of one rendered prompt together, in order of first appearance, with the prompt's tokens."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.rendered, []).append(request)
    for rendered, same in groups.items():
        yield tuple(vocabulary.encode(rendered)), same


def _cores() -> int:
    """Cores this process may use; where the system does not say, all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
