"""The verifier `votes`: a completion is right where the votes of a step say so.

The votes are completions of a step with role `vote` that follows the completion. They come in later rounds, so a run asks
this verifier once everything is drawn, and until then it counts as undecided: its verdicts steer neither a budget nor a
`when`. It asks no model and reads stored votes, so judging again costs nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from time import perf_counter

from rollmill.ground.errors import SetupError
from rollmill.ground.records import PLAN, Completion, Problem, Verdict
from rollmill.pipelines.verify.finding import Finding, Item, OneByOne, rule_table, verdict_of, version_of, visible_text
from rollmill.pipelines.vote_field import VoteField, mean
from rollmill.roles.protocols import Vote, VotesOn

_TOGETHER = 1_024
"""Completions whose votes are read together."""


class VotesVerifier(OneByOne):
    """`of`: the step and the field that is read, `grade.score`.

    `correct` if the mean of the votes is at least `least`; with `says`, if the share of votes with one of these words is.
    `undecided` if fewer than `readable` of them can be read; an empty answer is `unparsed`. `cast`: who gives the votes,
    which in a run is the run itself.
    """

    name = "votes"
    rules, words = rule_table(("text", "1", "the answer is empty"), ("votes", "2", "votes of a step counted"))

    def __init__(
        self,
        *,
        of: str,
        least: float,
        says: Sequence[str] = (),
        readable: int = 1,
        cast: VotesOn | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            of: Step and field that are read, `grade.score` for one.
            least: Mean of the votes from which a completion is correct; with `says`, the share of votes that say one of
                its words.
            says: Words that count as a yes.
            readable: Readable votes that a decision needs.
        """
        self._field = VoteField(of, tuple(says))
        self._field.check("verifier 'votes'", readable)
        if isinstance(least, bool) or not isinstance(least, int | float) or not isfinite(least):
            raise SetupError(f"verifier 'votes': least is {least!r}, and must be a number.")
        # With a share of 0 a completion without a single yes would be correct.
        if says and not 0 < least <= 1:
            raise SetupError(f"verifier 'votes': least is {least}, and of votes that say yes or no a share in (0, 1].")
        self._least, self._readable = least, readable
        self.bind(cast, "")

    def bind(self, cast: VotesOn | None, plan: str) -> None:
        """Read votes from here; `plan`: a digest of all that decides which votes there are, "" for none."""
        # Other votes give other verdicts, so the digest is part of the version.
        self._cast, self.version = cast, self._version({PLAN: plan} if plan else {})

    def _version(self, plan: Mapping[str, str]) -> str:
        field = {"of": self._field.of, "says": "|".join(self._field.says)}
        return version_of(self.rules, **field, least=f"{self._least:g}", readable=self._readable, **plan)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion."""
        return next(self.verify_many([(problem, completion)]))

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order; the votes on some thousand completions are read together."""
        stream, size = iter(items), 1  # the first alone, so that a stream begins at once
        while batch := list(islice(stream, size)):
            started = perf_counter()
            votes = [()] * len(batch) if self._cast is None else self._cast.on(batch)
            findings = [self._finding(item[1], cast) for item, cast in zip(batch, votes, strict=True)]
            seconds = (perf_counter() - started) / len(batch)
            for item, finding in zip(batch, findings, strict=True):
                yield verdict_of(self, item, finding, seconds)
            size = _TOGETHER

    def _finding(self, completion: Completion, votes: Sequence[Vote]) -> Finding:
        if not visible_text(completion).strip():
            return Finding("unparsed", "text", "the answer is empty")
        step = self._field.of.partition(".")[0]
        # A completion may have votes of several steps.
        readings = [self._field.value(vote) for vote in votes if vote.step == step]
        values = [value for value in readings if value is not None]
        if len(values) < self._readable:
            cause = f"{len(values)} of {len(readings)} votes can be read, and {self._readable} must be"
            return Finding("undecided", "votes", cause if readings else "no vote on it")
        number = mean(values)
        share = number if self._field.says else None
        evidence = {"mean": number, "votes": values, "unread": len(readings) - len(values)}
        return Finding("correct" if number >= self._least else "incorrect", "votes", value=share, evidence=evidence)
