"""Texts of decoders with the embedded model: one request at a time, on the calling thread.

A request's text depends on nothing but the request: the cache of blocks is emptied before each. Its log-probabilities are
computed again over the whole text, so that every decoder has the model's own and those after the sampling.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.ground.records import Request
from rollmill.pipelines.generate.calls import BY_WEIGHT, DECODED, LOG_WEIGHT
from rollmill.pipelines.generate.decoders.decoder import DecodedText, DecodeTask, SampledModel, built_decoder, by_weight
from rollmill.pipelines.generate.decoding.speculative import TextEnd
from rollmill.pipelines.generate.decoding.step_model import Tokens
from rollmill.pipelines.generate.embedded.block_steps import BlockSteps
from rollmill.pipelines.generate.embedded.decode import DrawnSample
from rollmill.pipelines.generate.embedded.model_files import Vocabulary
from rollmill.pipelines.generate.embedded.sampling import Floats, SamplingUniforms, draw
from rollmill.pipelines.generate.embedded.session import ModelSession
from rollmill.pipelines.generate.warps.row_sampling import RowSampling

NO_TEXT = "no text of the constraint was found"


@dataclass(frozen=True, slots=True)
class DecodedRow:
    """A request with the tokens of its prompt, its sample, and what its decoder adds to the meta."""

    request: Request
    prompt: Tokens
    sample: DrawnSample
    meta: dict[str, Any]


class DecodedRows:
    """Decodes the requests of one thread. What decoders keep between texts is kept here."""

    def __init__(self, session: ModelSession, vocabulary: Vocabulary) -> None:
        self._session, self._vocabulary = session, vocabulary
        self._steps = BlockSteps(session.files)
        self._uniforms = SamplingUniforms()
        self._memory: dict[Any, Any] = {}

    def run(self, requests: Sequence[tuple[Request, Tokens]]) -> Iterator[DecodedRow]:
        """A row for each request, in order."""
        for request, ids in requests:
            started = time.perf_counter()
            task = self._task(request, ids)
            method = request.sampling.decode
            assert method is not None
            self._steps.forget()
            text = built_decoder(method).decode(task)
            yield self._row(request, task, text, time.perf_counter() - started)

    def _task(self, request: Request, ids: Tokens) -> DecodeTask:
        limit = min(request.sampling.max_tokens, self._session.files.context - len(ids))
        stops, decode = request.sampling.stop, self._vocabulary.decode
        chances = self._uniforms.of(request.seed, limit)

        def stopped(tokens: Sequence[int]) -> bool:
            text = decode(tokens)
            return any(stop in text for stop in stops)

        def replay(tokens: Tokens) -> int:
            return self._replayed(request, ids, tokens, chances[len(tokens)])

        # Without stop strings nothing has to be decoded at each token.
        until = TextEnd(limit, self._session.files.end, stopped if stops else None)
        return DecodeTask(self._steps, ids, until, request.sampling, chances, request.seed, decode, replay, self._memory)

    def _replayed(self, request: Request, ids: Tokens, tokens: Tokens, chance: float) -> int:
        """The token that single steps draw after these tokens, to the last bit."""
        # Token by token in a tile of one row: blocks of tokens may round otherwise, and the draw give another token.
        prefix, tile = self._session.prefill(list(ids)), self._session.borrow()
        try:
            tile.put(0, prefix)
            logits = prefix.logits
            for token in tokens:
                logits = tile.step([token])[0]
            drawn = draw(logits[None, :], np.asarray([chance]), RowSampling.of([request.sampling]))
            return int(drawn.tokens[0])
        finally:
            self._session.give_back(tile)

    def _row(self, request: Request, task: DecodeTask, text: DecodedText, seconds: float) -> DecodedRow:
        """The sample of a decoded text, with the log-probabilities of its tokens."""
        tokens = text.tokens
        meta: dict[str, Any] = {DECODED: dict(text.figures)} | ({BY_WEIGHT: True} if by_weight(request.sampling) else {})
        if text.weight is not None:
            # The log of weight 0 is -inf, which JSON does not have.
            meta[LOG_WEIGHT] = float(text.weight) if np.isfinite(text.weight) else None
            meta |= {} if np.isfinite(text.weight) else {"cause": NO_TEXT}
        own, places = self._logp(task, tokens), np.arange(len(tokens))
        logprob = float(own[places, list(tokens)].sum()) if tokens else 0.0
        # Self-certainty (Kang et al. 2025, arXiv:2502.18581), summed over tokens.
        certainty = float((-own.mean(axis=1) - np.log(own.shape[1])).sum()) if tokens else 0.0
        sampled = 0.0
        if tokens and request.sampling.warp:
            after = SampledModel(self._steps, request.sampling).after(own)
            sampled = float(after[places, list(tokens)].sum())
        written, stop = self._written(request, tokens)
        finish = "stop" if task.until.ended(tokens) else "length"
        sample = DrawnSample(written, finish, tokens, logprob, certainty, seconds, stop, sampled)
        return DecodedRow(request, task.prompt, sample, meta)

    def _logp(self, task: DecodeTask, tokens: Tokens) -> Floats:
        """The model's log-probabilities at each place of a text, (tokens, vocabulary)."""
        if not tokens:
            return np.zeros((0, self._steps.vocabulary))
        return self._steps.next([task.prompt + tokens[:length] for length in range(len(tokens))])

    def _written(self, request: Request, tokens: Tokens) -> tuple[str, str | None]:
        """The text of tokens before its first stop string, and that string."""
        text = self._vocabulary.decode(tokens)
        stops = [(at, stop) for stop in request.sampling.stop if (at := text.find(stop)) >= 0]
        return (text[: min(stops)[0]], min(stops)[1]) if stops else (text, None)  # the earliest one
