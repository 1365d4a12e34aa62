"""Log-probabilities of texts that are given: for scorers that ask how likely a model finds an answer and draw none.

Prompt and text are tokenized together; the leading tokens that this shares with the prompt alone are the context, and the
others are scored. Where the last token of the prompt would be another one with the text behind it, the cut moves left to
where both agree; so no token is scored that the model would never have read or written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Prompt, Request
from rollmill.pipelines.generate.calls import completion_of
from rollmill.pipelines.generate.embedded.model_files import Vocabulary
from rollmill.pipelines.generate.embedded.session import ModelSession, Prefix
from rollmill.roles.engine_roles import CountsPromptTokens, Generator, ScoresTexts


def shared_tokens(prompt: Sequence[int], whole: Sequence[int]) -> int:
    """Number of leading tokens that a prompt and the prompt with a text behind it share; at least 1, since an empty context
    is invalid.
    """
    pairs = enumerate(zip(prompt, whole, strict=False))
    return max(1, next((at for at, (one, other) in pairs if one != other), min(len(prompt), len(whole))))


def scored_completion(
    request: Request, model: tuple[str, str, str], ids: Sequence[int], cut: int, logprobs: Sequence[float], seconds: float
) -> Completion:
    """A scored text as a completion: its text is the given one, its tokens those behind the cut; all count as read."""
    return completion_of(
        request,
        model,
        text=request.given or "",
        finish_reason="stop",
        tokens_in=len(ids),
        tokens_out=0,
        logprob_sum=float(np.sum(logprobs)),
        seconds=seconds,
        token_ids=tuple(ids[cut:]),
        logprobs=tuple(logprobs),
    )


def too_long(request: Request, model: tuple[str, str, str], length: int, context: int) -> Completion:
    """The answer for a prompt and text that the context has no room for: no log-probability."""
    cause = {"cause": f"prompt and text of {length} tokens, context of {context}"}
    return completion_of(request, model, text="", finish_reason="length", tokens_in=length, tokens_out=0, meta=cause)


@dataclass(frozen=True, slots=True)
class _Row:
    request: Request
    ids: tuple[int, ...]
    cut: int


class TextScorer:
    """Scores texts with the embedded model, some rows of a tile at a time, on the calling thread."""

    def __init__(self, session: ModelSession, vocabulary: Vocabulary, model: tuple[str, str, str]) -> None:
        self._session, self._vocabulary, self._model = session, vocabulary, model

    def completions(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, those of like length together."""
        context, rows = self._session.files.context, list[_Row]()
        for request in requests:
            prompt = self._vocabulary.encode(request.rendered)
            ids = tuple(self._vocabulary.encode(request.rendered + (request.given or "")))
            if len(ids) > context:
                yield too_long(request, self._model, len(ids), context)
            else:
                rows.append(_Row(request, ids, shared_tokens(prompt, ids)))
        rows.sort(key=lambda row: row.cut - len(row.ids))  # the longest texts first, so that rows end from the back
        tile = self._session.borrow()
        try:
            for start in range(0, len(rows), tile.rows):
                yield from self._scored(tile, rows[start : start + tile.rows])
        finally:
            self._session.give_back(tile)

    def _scored(self, tile: Any, rows: Sequence[_Row]) -> Iterator[Completion]:
        """Rows in order of falling text length; each step gives every unfinished row its next token's log-probability."""
        began = perf_counter()
        prefixes: dict[tuple[int, ...], Prefix] = {}
        logprobs: list[list[float]] = []
        for place, row in enumerate(rows):
            head = row.ids[: row.cut]
            # Texts behind one prompt share its prefill, such as the options of a question.
            prefixes[head] = prefixes.get(head) or self._session.prefill(list(head))
            tile.put(place, prefixes[head])
            # An empty text has no token to score.
            logprobs.append([_logprob(prefixes[head].logits, row.ids[row.cut])] if len(row.ids) > row.cut else [])
        step = 0
        while going := [row for row in rows if len(row.ids) > row.cut + step + 1]:
            # Texts fall in length, so the rows that go on are the first ones and keep their places in the tile.
            logits = tile.step([row.ids[row.cut + step] for row in going])
            for place, row in enumerate(going):
                logprobs[place].append(_logprob(logits[place], row.ids[row.cut + step + 1]))
            step += 1
        seconds = (perf_counter() - began) / len(rows)
        for row, values in zip(rows, logprobs, strict=True):
            yield scored_completion(row.request, self._model, row.ids, row.cut, values, seconds)


def _logprob(logits: Any, token: int) -> float:
    """The natural log-probability of a token at temperature 1, in float64 as drawing computes it."""
    scores = logits.astype(np.float64)
    scores -= scores.max()
    return float(scores[token] - np.log(np.exp(scores).sum()))


class GivenTexts:
    """An engine that scores the texts of its requests, behind the door of those that draw: stored and charged alike."""

    def __init__(self, engine: Generator) -> None:
        if not isinstance(engine, ScoresTexts):
            raise SetupError(
                f"engine {engine.engine!r} gives no log-probabilities of given texts.", choices=("embedded", "vllm")
            )
        self._scoring: ScoresTexts = engine
        self._engine = engine
        self.engine, self.model, self.model_digest = engine.engine, engine.model, engine.model_digest
        self.spooled = engine.spooled

    def fingerprint(self) -> Mapping[str, str]:
        """Fingerprint of the engine."""
        return self._engine.fingerprint()

    def render(self, prompt: Prompt) -> str:
        """The prompt as the engine renders it."""
        return self._engine.render(prompt)

    def prompt_tokens(self, rendered: str) -> int:
        """Number of tokens as the engine counts them; without the engine, an upper bound."""
        return self._engine.prompt_tokens(rendered) if isinstance(self._engine, CountsPromptTokens) else len(rendered)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Each request's text with its log-probabilities."""
        return self._scoring.score_given(requests)

    def close(self) -> None:
        """Nothing: the engine belongs to who built it."""
