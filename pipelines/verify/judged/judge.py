"""The verifier `judge`: a model reads problem, reference and answer, and votes.

It asks a Sampler, and in a run that one stores every vote, charges it and keeps it within the run's limit.

Each completion gets `votes` votes with seeds from (`seed`, problem, completion, vote). With `order: both` (default) half of
them see the reference first and half the answer, so that a liking for a place cancels out. The majority of the votes that
can be read decides; a tie is `undecided`, and so is more than `max_failed` (a share) of votes that cannot be read. The
value is the share of all votes that say correct. An empty answer is `unparsed` and no judge is asked.

An answer may hold any text, also one that looks like a verdict: it is enclosed in marks that it cannot contain, and only
the last line of the judge's own completion counts. That a model lets itself be talked into a verdict, no parser can
prevent: measure it (`rollmill audit verifier judge`).
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any, ClassVar, Literal

from pipelines.engine_roles import Sampler, Samplers, Samples
from pipelines.verify.finding import Finding, Item, OneByOne, Rules, prompt_text, verdict_of, version_of, visible_text
from pipelines.verify.judged.judging import Case, JudgeVote, Rubric, count, majority, vote_of
from storage.ground.errors import RollmillError, SetupError, unknown_name
from storage.ground.ids import digest128
from storage.ground.records import Completion, Origin, Problem, Request, Sampling, Verdict, completion_id

ORDERS = ("both", "reference_first", "answer_first")
MOST_VOTES = 64  # each is a completion that somebody pays for
STREAM = "judge"
_TOGETHER = 256
"""Requests, at least, that are sampled together when many completions are judged."""


@dataclass(kw_only=True)
class JudgeVerifier(OneByOne):
    """Votes of a model. `engine`, `model` and `engine_options` as in a recipe; `rubric` empty: the one of `judging`.

    `samplers`: who gives the sampler of that engine, in a recipe's run. `sampler`: one that exists already.
    """

    engine: str = "embedded"
    """Engine of the judge, as in `generate`."""
    model: str = "models/rollmill-tiny"
    """Model of the judge."""
    engine_options: Mapping[str, Any] | None = None
    """Options of the judge's engine."""
    rubric: str = ""
    """Text of the request; empty: the built-in rubric."""
    votes: int = 4
    """Votes for each completion."""
    order: Literal["both", "reference_first", "answer_first"] = "both"
    """Order of reference and answer in the request; `both` asks half of the votes each way."""
    temperature: float = 0.7
    """Sampling temperature of the votes."""
    max_tokens: int = 256
    """Most tokens of a vote."""
    max_failed: float = 0.25
    """Largest share of votes that may be unreadable before the verdict is undecided."""
    seed: int = 0
    """Seed of the votes."""
    sampler: Sampler | None = None
    samplers: Samplers | None = field(default=None, repr=False)
    name: str = field(init=False, default="judge")
    rules: Rules = field(init=False, default=(("text", "1"), ("failures", "1"), ("majority", "1")))
    version: str = field(init=False, default="")
    words: ClassVar[Mapping[str, str]] = {
        "text": "no text that can be judged",
        "failures": "too many votes failed or cannot be read",
        "majority": "votes of a model counted",
    }

    def __post_init__(self) -> None:
        self._rubric = Rubric(self.rubric)
        self._check()
        self._sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        self._sampler = self._chosen_sampler()
        self._interrupted = threading.Event()
        self.version = version_of(
            self.rules,
            engine=self._sampler.engine,
            model=self._sampler.model_digest[:12],
            rubric=self._rubric.digest,
            votes=self.votes,
            order=self.order,
            temperature=f"{self.temperature:g}",
            max_tokens=self.max_tokens,
            max_failed=f"{self.max_failed:g}",
            seed=self.seed,
        )

    def _chosen_sampler(self) -> Sampler:
        if self.sampler is not None:
            return self.sampler
        if self.samplers is None:
            raise SetupError(
                "verifier 'judge' asks a model, and outside a recipe it is given none.",
                next_command="JudgeVerifier(sampler=DirectSampler(engine)), from pipelines.generate.direct",
            )
        return self.samplers.of(self.engine, self.model, self.engine_options or {})

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text."""
        return next(self._together([(problem, completion)]))

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order; the votes on several completions are drawn together."""
        # An interruption ends one call, not the next ones.
        self._interrupted.clear()
        stream, size = iter(items), max(1, -(-_TOGETHER // self.votes))
        while batch := list(islice(stream, size)):
            yield from self._together(batch)

    def interrupt(self) -> None:
        """Make the call of `verify_many` under way raise KeyboardInterrupt soon, from any thread."""
        self._interrupted.set()
        self._sampler.interrupt()

    def _check(self) -> None:
        """SetupError for options that name no way of voting."""
        if self.order not in ORDERS:
            raise unknown_name("order of verifier 'judge'", str(self.order), ORDERS)
        # Without a pair there is one order only, and any number of votes will do.
        swaps = self.order == "both" and self._rubric.pairs
        if not 1 <= self.votes <= MOST_VOTES or (swaps and self.votes % 2):
            valid = f"1 to {MOST_VOTES}" + (", even: both orders get half" if swaps else "")
            raise SetupError(f"verifier 'judge': votes is {self.votes}.", choices=(valid,))
        if not 0 <= self.max_failed <= 1:
            raise SetupError(f"verifier 'judge': max_failed is {self.max_failed}.", choices=("a share from 0 to 1",))
        if not (self.temperature >= 0 and self.max_tokens >= 1):
            raise SetupError(
                f"verifier 'judge': temperature {self.temperature}, max_tokens {self.max_tokens}.",
                choices=("temperature 0 or more", "max_tokens 1 or more"),
            )

    def _together(self, items: Sequence[Item]) -> Iterator[Verdict]:
        """The verdicts on some completions, whose votes are sampled in one call."""
        started = perf_counter()
        rows = [self._requests(item) for item in items]
        samples = self._samples([request for row in rows for request, _ in row])
        failure = None if samples.failure is None else f"crash: {samples.failure}"[:500]
        # The votes were sampled together, so each verdict bears an equal share of the time.
        seconds = (perf_counter() - started) / len(items)
        for item, row in zip(items, rows, strict=True):
            votes = [vote_of(samples.completions.get(request.completion_id), answer_first=first) for request, first in row]
            yield verdict_of(self, item, self._finding(item, votes, failure), seconds)

    def _requests(self, item: Item) -> list[tuple[Request, bool]]:
        """(request, whether it shows the answer first) of every vote; none for an empty answer."""
        problem, completion = item
        case = Case(prompt_text(problem.prompt), problem.reference, visible_text(completion))
        if not case.answer.strip():
            return []
        prompts = [self._rubric.prompt(case, answer_first=first) for first in (False, True)]
        # In turn: half of an even number of votes see each order.
        firsts = [self.order == "answer_first" or (self.order == "both" and vote % 2 == 1) for vote in range(self.votes)]
        return [(self._request(item, prompts[first], vote), first) for vote, first in enumerate(firsts)]

    def _request(self, item: Item, prompt: str, vote: int) -> Request:
        # 63 bits, because seeds are stored and sent as signed 64-bit integers.
        seed = int(digest128(["judge", self.seed, item[0].id, item[1].id, vote])[:16], 16) >> 1
        rendered = self._sampler.render(prompt)
        origin = Origin(self._sampler.engine, self._sampler.model_digest, STREAM, self.seed)
        cid = completion_id(origin, rendered, self._sampling, seed=seed, sample_index=vote)
        return Request(cid, digest128(["prompt", prompt]), prompt, rendered, self._sampling, seed, STREAM, vote)

    def _samples(self, requests: Sequence[Request]) -> Samples:
        """Samples of the sampler; KeyboardInterrupt if it was interrupted, whatever it raised then."""
        self._leave_if_interrupted()
        try:
            samples = self._sampler.sample(requests)
        except RollmillError:  # a message for the user, also during an interruption
            raise
        except Exception:
            self._leave_if_interrupted()
            raise
        self._leave_if_interrupted()
        return samples

    def _leave_if_interrupted(self) -> None:
        if self._interrupted.is_set():
            raise KeyboardInterrupt

    def _finding(self, item: Item, votes: Sequence[JudgeVote], failure: str | None) -> Finding:
        if not votes:
            return Finding("unparsed", "text", "the answer is empty")
        counted = count(votes)
        outcome, rule, cause = majority(counted, self.max_failed)
        # A failure of the sampler is no concern of a completion whose votes are all there.
        if failure is not None and counted.failed:
            outcome, rule, cause = "undecided", "failures", failure
        evidence = {
            "correct": counted.correct,
            "incorrect": counted.incorrect,
            "failed": counted.failed,
            "model": self._sampler.model,
            "votes": [vote.evidence() for vote in votes],
        }
        shown = visible_text(item[1]).strip()
        value = None if outcome == "undecided" else counted.correct / counted.votes
        return Finding(outcome, rule, cause, value, shown, evidence=evidence)
