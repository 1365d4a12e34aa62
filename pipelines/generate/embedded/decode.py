"""Continuous batching on one thread: rows leave a tile when they finish and waiting requests take their places.

One prefill serves all requests of a prompt. Which rows share a tile changes no text (see session.py), so work is taken in
whatever order keeps the places full: a function hands it out, so that an engine and a draw worker use the same loop.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rollmill.ground.records import Request
from rollmill.pipelines.generate.embedded.model_files import Vocabulary
from rollmill.pipelines.generate.embedded.sampling import Draws, Floats, SamplingUniforms, draw
from rollmill.pipelines.generate.embedded.session import ModelSession, Prefix
from rollmill.pipelines.generate.warps.row_sampling import RowSampling


@dataclass(slots=True)
class DecodeRow:
    """A completion in progress. Sums run over every drawn token, the end marker included."""

    request: Request
    prompt: tuple[int, ...]
    limit: int
    chance: Floats
    started: float
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    certainty: float = 0.0
    sampled: float = 0.0
    text: str | None = None
    finish: str = ""
    stop: str | None = None
    seconds: float = 0.0


class DrawnSample(NamedTuple):
    """Completion drawn for a request; `seconds` is its share of its loop's time; `stop` the stop string that ended it;
    `sampled` its log-probability under warps.
    """

    text: str
    finish: str
    tokens: Sequence[int]
    logprob: float
    certainty: float
    seconds: float
    stop: str | None = None
    sampled: float = 0.0

    @classmethod
    def of(cls, row: DecodeRow, vocabulary: Vocabulary) -> "DrawnSample":
        """A finished row, its tokens as text."""
        text = vocabulary.decode(row.tokens) if row.text is None else row.text
        return cls(text, row.finish, row.tokens, row.logprob, row.certainty, row.seconds, row.stop, row.sampled)


@dataclass(frozen=True, slots=True)
class DecodeGroup:
    """Waiting requests of one prompt; `ids` are the prompt's tokens."""

    ids: tuple[int, ...]
    requests: Sequence[Request]


class DecodeLoop:
    """Tile of one thread and the rows in it. `next_group` hands out work, None when there is no more."""

    def __init__(self, session: ModelSession, vocabulary: Vocabulary, next_group: Callable[[], DecodeGroup | None]) -> None:
        self._session, self._vocabulary, self._next_group = session, vocabulary, next_group
        self._tile = session.borrow()
        self._rows: list[DecodeRow] = []
        self._waiting: deque[tuple[Request, tuple[int, ...]]] = deque()
        self._prefix: tuple[tuple[int, ...], Prefix] | None = None
        self._row_sampling = RowSampling.of([])
        self._uniforms = SamplingUniforms()
        self._clock = 0.0

    def run(self) -> Iterator[DecodeRow]:
        """Finished rows, until there is neither a row nor a waiting request; a loop runs once."""
        try:
            yield from self._admit()
            while self._rows:
                self._step()
                yield from self._leave()
                yield from self._admit()
        finally:
            self._session.give_back(self._tile)

    def _step(self) -> None:
        """Draw another token for every row."""
        started = time.perf_counter()
        logits = self._tile.step([row.tokens[-1] for row in self._rows])
        chance = np.asarray([row.chance[len(row.tokens)] for row in self._rows])
        self._note(self._rows, draw(logits, chance, self._row_sampling))
        # A row pays its share of each step, so that the seconds of all rows add up to the loop's.
        self._clock += (time.perf_counter() - started) / len(self._rows)

    def _admit(self) -> Iterator[DecodeRow]:
        """Fill free places; a new row's first token comes from its prompt's logits."""
        joined = False
        while len(self._rows) < self._tile.rows and (item := self._take()) is not None:
            started = time.perf_counter()
            request, ids = item
            # Requests of one prompt come one after the other, so the last prefix is the only one worth keeping.
            if self._prefix is None or self._prefix[0] != ids:
                self._prefix = (ids, self._session.prefill(list(ids)))
            prefix = self._prefix[1]
            limit = min(request.sampling.max_tokens, self._session.files.context - len(ids))
            row = DecodeRow(request, ids, limit, self._uniforms.of(request.seed, limit), self._clock)
            sampling = RowSampling.of([request.sampling])
            self._note([row], draw(prefix.logits[None, :], row.chance[:1], sampling))
            if row.finish:
                row.seconds = time.perf_counter() - started
                yield row
                continue
            row.started = self._clock - (time.perf_counter() - started)
            self._tile.put(len(self._rows), prefix)
            self._rows.append(row)
            joined = True
        if joined:
            self._row_sampling = RowSampling.of([row.request.sampling for row in self._rows])

    def _take(self) -> tuple[Request, tuple[int, ...]] | None:
        while not self._waiting:
            group = self._next_group()
            if group is None:
                return None
            self._waiting.extend((request, group.ids) for request in group.requests)
        return self._waiting.popleft()

    def _note(self, rows: list[DecodeRow], draws: Draws) -> None:
        """Add the drawn tokens to their rows and mark those that end with it."""
        tokens, logprobs, certainties = draws.tokens.tolist(), draws.logprob.tolist(), draws.certainty.tolist()
        end = self._session.files.end
        if draws.sampled is not None:
            for row, sampled in zip(rows, draws.sampled.tolist(), strict=True):
                row.sampled += sampled
        for row, token, logprob, certainty in zip(rows, tokens, logprobs, certainties, strict=True):
            row.tokens.append(token)
            row.logprob += logprob
            row.certainty += certainty
            if token == end or (row.request.sampling.stop and self._stopped(row)):
                row.finish = "stop"
            elif len(row.tokens) >= row.limit:
                row.finish = "length"

    def _stopped(self, row: DecodeRow) -> bool:
        """True if the text now holds a stop string; the text ends before the first one."""
        text = self._vocabulary.decode(row.tokens)
        stops = [(at, stop) for stop in row.request.sampling.stop if (at := text.find(stop)) >= 0]
        if stops:
            at, row.stop = min(stops)
            row.text = text[:at]
        return bool(stops)

    def _leave(self) -> Iterator[DecodeRow]:
        """Take finished rows out and close the gaps from the end."""
        finished = [at for at, row in enumerate(self._rows) if row.finish]
        # From the end: the row that fills a gap is then never one that has finished itself.
        for at in reversed(finished):
            row, last = self._rows[at], self._rows.pop()
            if row is not last:
                self._rows[at] = last
                self._tile.move(len(self._rows), at)
            row.seconds = self._clock - row.started
            yield row
        if finished:
            self._row_sampling = RowSampling.of([row.request.sampling for row in self._rows])
