"""A call of an engine that draws in other threads: its requests on the way out and its completions on the way back.

One thread of the engine takes jobs and puts completions; the caller's thread takes whatever has arrived. All engines build
their completions and check their sampling here too.
"""

import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Attempt, Completion, Request, Sampling
from rollmill.pipelines.generate.prompts import split_prefix

STOP = "stop"
"""The key of a completion's meta that says which stop string ended it; None if a server did not say. Where the model
itself ended its answer there is none.
"""

LOGPROB_SAMPLED = "logprob_sampled"
"""The key of a completion's meta for the log-probability of its tokens under the distribution that they were drawn from,
where warps changed it. `logprob_sum` is the model's own.
"""

DECODED = "decode"
"""The key of a completion's meta for the cost of its decoder: calls of the target, drafted places, accepted ones."""

BY_ORDER = "by_order"
"""The key of such a cost, 1 where it depends on the texts drawn before, so that it is in no score."""

LOG_WEIGHT = "log_weight"
"""The key of a completion's meta for the logarithm of its weight, where a decoder draws from another distribution than the
one it stands for; None for a weight of 0.
"""

BY_WEIGHT = "by_weight"
"""The key of a completion's meta, true where completions count by their weights: alike they have another distribution."""

OWN_FORM = {
    ("vllm", "speculative"): "options: {speculative: {method: ngram, num_speculative_tokens: 4, prompt_lookup_max: 4}}"
}
"""Advice by engine and decoder: the engine's own options that do what the decoder does."""

UNSENT_TOKENS = 131_072
"""The most tokens that a completion is taken to have where its length limit is left to the server."""

MOST_LOGPROB = 1e6
"""A log-probability beyond this, on either side, is rejected: a sum of such values may not be a number."""

NO_LOGPROBS = "not all of them are log-probabilities"
"""Value of `logprobs` in the meta of a completion whose reply had log-probabilities that were left out."""


class Interruption(Exception):  # noqa: N818 - somebody asked for it
    """Abort of calls under way on request."""


def ignore(attempts: Sequence[Attempt]) -> None:
    """No-op listener of attempts, the default."""


@dataclass(eq=False, slots=True)
class CallJob:
    """A request and the number of its tries."""

    request: Request
    call: "EngineCall"
    tried: int = 0


@dataclass(slots=True)
class _Sum:
    count: int = 0
    seconds: float = 0.0
    completion_id: str = ""


class EngineCall:
    """The requests of one caller. `waiting`: jobs by prompt, that no replica has yet."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.waiting = by_prompt(self, requests)
        self.left = len(requests)
        self.under_way = 0
        self.error: BaseException | None = None
        self._arrived: list[Completion] = []
        # No reply would ever end a call without requests.
        self._over = not requests
        self._changed = threading.Condition()
        self._attempts: dict[tuple[str, str], _Sum] = {}

    # The engine's side.

    def put(self, *completions: Completion) -> None:
        """Signal that replies arrived; several together wake the caller once."""
        with self._changed:
            self._arrived += completions
            self.left -= len(completions)
            if self.left == 0:
                self._over = True
            self._changed.notify()

    def end(self) -> None:
        """End the stream; `error` says why."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def tried(self, replica: str, outcome: str, seconds: float, completion_id: str) -> None:
        """Count an attempt."""
        with self._changed:
            attempts = self._attempts.get((replica, outcome))
            if attempts is None:
                attempts = self._attempts[replica, outcome] = _Sum()
            attempts.count += 1
            attempts.seconds += seconds
            attempts.completion_id = completion_id

    # The caller's side.

    def take(self) -> list[Completion]:
        """Return all completions that have arrived since the last call. Waits for the first one; an empty list means that
        the call is over.
        """
        with self._changed:
            while not self._arrived and not self._over:
                self._changed.wait()
            arrived, self._arrived = self._arrived, []
            return arrived

    def take_rest(self) -> list[Completion]:
        """Completions that have arrived and will not be taken, since the caller leaves."""
        with self._changed:
            arrived, self._arrived = self._arrived, []
            return arrived

    def attempts(self) -> list[Attempt]:
        """Attempts counted since the last call."""
        with self._changed:
            counted, self._attempts = self._attempts, {}
            return [Attempt(*key, sums.count, sums.seconds, sums.completion_id) for key, sums in counted.items()]


def completion_of(request: Request, model: "tuple[str, str, str]", **fields: Any) -> Completion:
    """The completion of a request by a model: its engine, its name and its digest.

    If the model continued a given beginning, the text includes it, and `meta` gives its number of characters; tokens and
    log-probabilities cover only the drawn part.
    """
    engine, name, digest = model
    _, prefix = split_prefix(request.prompt)
    if prefix:
        given = {"text": prefix + fields["text"], "meta": {**fields.get("meta", {}), "prefix": len(prefix)}}
        fields = {**fields, **given}
    return Completion(
        id=request.completion_id,
        prompt_id=request.prompt_id,
        engine=engine,
        model=name,
        model_digest=digest,
        stream=request.stream,
        sample_index=request.sample_index,
        seed=request.seed,
        **fields,
    )


def is_logprob(value: Any) -> bool:
    """True if a value of a reply can be a log-probability. Not isinstance: to that, true is an int."""
    return type(value) in (int, float) and -MOST_LOGPROB <= value <= MOST_LOGPROB


def by_prompt(call: EngineCall, requests: Sequence[Request]) -> "deque[deque[CallJob]]":
    """Jobs of one prompt together, prompts in order of first appearance."""
    groups: dict[str, deque[CallJob]] = {}
    for request in requests:
        groups.setdefault(request.prompt_id, deque()).append(CallJob(request, call))
    return deque(groups.values())


def check_warps(engine: str, runs: Collection[str] | None, names: Collection[str]) -> None:
    """SetupError for a warp that an engine does not run. `runs`: the names of those that it runs, None for any."""
    for name in names:
        if runs is not None and name not in runs:
            known = f"it runs {', '.join(sorted(runs))}" if runs else "it runs none"
            raise SetupError(
                f"engine {engine!r} does not run warp {name!r}: {known}.",
                next_command="engine: embedded, which runs any warp",
            )


def check_decoder(engine: str, runs: Collection[str] | None, name: str) -> None:
    """Raise SetupError for a decoder that an engine does not run. `runs`: names of the decoders that it runs, as in
    `check_warps`.
    """
    if runs is not None and name not in runs:
        known = f"it runs {', '.join(sorted(runs))}" if runs else "it runs none"
        raise SetupError(
            f"engine {engine!r} does not run decoder {name!r}: {known}.",
            next_command=OWN_FORM.get((engine, name), "engine: embedded, which runs any decoder"),
        )


def check_sampling(
    engine: str,
    sampling: Sampling,
    warps: Collection[str] | None = (),
    decoders: Collection[str] | None = (),
    *,
    sends: bool = False,
) -> None:
    """SetupError for parameters that name no distribution or no text. `warps`, `decoders`: those that the engine runs, None
    for any. `sends`: True for an engine that may leave a parameter to its server.
    """
    if sampling.unsent and not sends:
        raise SetupError(
            f"{sampling.unsent[0]} is null, and engine {engine!r} has no server that could choose it.",
            next_command="give it a number, or use engine openai",
        )
    check_warps(engine, warps, [warp.name for warp in sampling.warp])
    if sampling.decode is not None:
        check_decoder(engine, decoders, sampling.decode.name)
    wrong = {
        "temperature": (sampling.temperature, sampling.temperature >= 0, "0 (greedy) or more"),
        "top_p": (sampling.top_p, 0 < sampling.top_p <= 1, "above 0, at most 1 (no cut)"),
        "top_k": (sampling.top_k, sampling.top_k >= 0, "0 (no cut) or more"),
        "max_tokens": (sampling.max_tokens, sampling.max_tokens >= 1, "1 or more"),
        "stop": (list(sampling.stop), all(sampling.stop), "strings of one character or more"),
    }
    for name, (value, fine, valid) in wrong.items():
        if not fine:
            raise SetupError(f"{name} is {value}.", choices=(valid,), next_command="correct generate in the recipe")
