"""The engine `embedded`: the model we ship, run by onnxruntime on the CPU with our sampling loop.

No torch, no server, no download. Texts depend on the request and the fingerprint, not on batch, order, neighbours or
threads. It knows no problems and no verdicts.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.generate.chat import render_chat
from pipelines.generate.cpu import cpu_level
from pipelines.generate.decode import Group, Row
from pipelines.generate.lanes import run_lanes
from pipelines.generate.model_files import ModelFiles
from pipelines.generate.session import SIZES, Session
from pipelines.generate.vocabulary import Vocabulary
from storage.errors import SetupError
from storage.records import Completion, Prompt, Request, Sampling

SHIPPED = "models/rollmill-tiny"
GROUP = 8
MAX_THREADS = 16


class Embedded:
    """A Generator over a model folder. `threads` 0 means every core this process may use; it changes no text."""

    engine = "embedded"
    spooled = False

    def __init__(self, model: str = SHIPPED, threads: int = 0) -> None:
        if threads < 0:
            raise SetupError(f"threads is {threads}, below 0.", choices=("0 = all cores", "1", "2", "..."))
        self._files = ModelFiles.open(model)
        self.model = self._files.name
        self.model_digest = self._files.digest
        self._threads = threads or min(MAX_THREADS, _cores())
        self._vocabulary: Vocabulary | None = None
        self._session: Session | None = None
        self._loading = threading.Lock()

    def fingerprint(self) -> Mapping[str, str]:
        """What equality of texts rests on; `rows` names the row counts whose bits agree on this machine."""
        import onnxruntime

        session, _ = self._loaded()
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
        """How many tokens a rendered prompt is."""
        _, vocabulary = self._loaded()
        return len(vocabulary.encode(rendered))

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """One completion per request, as they finish. A prompt too long for the context gives an empty text, cut short."""
        for sampling in {request.sampling for request in requests}:
            check_sampling(sampling)
        session, vocabulary = self._loaded()
        groups: deque[Group] = deque()
        for ids, same in _by_prompt(vocabulary, requests):
            if len(ids) >= session.files.context:
                yield from (self._too_long(request, len(ids)) for request in same)
            else:
                groups.extend(Group(ids, same[at : at + GROUP]) for at in range(0, len(same), GROUP))
        yield from map(self._completion, run_lanes(session, vocabulary, groups, self._threads))

    def close(self) -> None:
        """Drop the session; a later call loads it again."""
        self._session = self._vocabulary = None

    def _loaded(self) -> tuple[Session, Vocabulary]:
        with self._loading:
            if self._session is None or self._vocabulary is None:
                self._vocabulary = Vocabulary(self._files.folder / "tokenizer.json")
                self._session = Session(self._files)
            return self._session, self._vocabulary

    def _completion(self, row: Row) -> Completion:
        _, vocabulary = self._loaded()
        drawn = len(row.tokens)
        return self._answer(
            row.request,
            text=vocabulary.decode(row.tokens) if row.text is None else row.text,
            finish_reason="stop" if row.finish == "stop" else "length",
            tokens_in=len(row.prompt),
            tokens_out=drawn,
            logprob_sum=row.logprob,
            self_certainty=row.certainty / drawn,
            seconds=row.seconds,
            prompt_token_ids=row.prompt,
            token_ids=tuple(row.tokens),
        )

    def _too_long(self, request: Request, length: int) -> Completion:
        return self._answer(
            request,
            text="",
            finish_reason="length",
            tokens_in=length,
            tokens_out=0,
            meta={"cause": f"prompt of {length} tokens, context of {self._files.context}"},
        )

    def _answer(self, request: Request, **found: Any) -> Completion:
        """A completion of this request by this model; `found` is what the draw gave."""
        return Completion(
            id=request.completion_id,
            prompt_id=request.prompt_id,
            engine=self.engine,
            model=self.model,
            model_digest=self.model_digest,
            stream=request.stream,
            sample_index=request.sample_index,
            seed=request.seed,
            **found,
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


def check_sampling(sampling: Sampling) -> None:
    """SetupError for parameters that name no distribution or no text."""
    wrong = {
        "temperature": (sampling.temperature, sampling.temperature >= 0, "0 (greedy) or more"),
        "top_p": (sampling.top_p, 0 < sampling.top_p <= 1, "above 0, at most 1 (no cut)"),
        "top_k": (sampling.top_k, sampling.top_k >= 0, "0 (no cut) or more"),
        "max_tokens": (sampling.max_tokens, sampling.max_tokens >= 1, "1 or more"),
        "stop": (list(sampling.stop), all(sampling.stop), "strings of one character or more"),
    }
    for name, (value, fine, valid) in wrong.items():
        if not fine:
            raise SetupError(f"{name} is {value}.", choices=(valid,), next_command="mend generate in the recipe")
