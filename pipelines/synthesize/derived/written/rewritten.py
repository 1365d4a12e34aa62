"""The synthesizer `rewritten`: texts that a model wrote in a version become problems (Evol-Instruct, Xu et al. 2023).

A recipe requests problems like answers ("Make this problem need one more step: ..."), and they are stored, charged and
resumed like all completions. This reads the texts of one of its steps with a pattern and gives each a reference: that of
the source problem (`carried`, for another wording), that of a solver's majority, or the writer's own where the solver finds
it again (`round_trip`, the group `answer` of the pattern).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import CARRIED, ROUND_TRIP, Problem
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta
from rollmill.pipelines.synthesize.derived.written.references import Elections, Reference, ReferencePolicy
from rollmill.pipelines.synthesize.derived.written.refusals import Refusals
from rollmill.pipelines.synthesize.sources import Source, SourceRollout, required
from rollmill.roles.engine_roles import Samplers

_TOGETHER = 64  # problems that are solved together


@dataclass(frozen=True, slots=True)
class RewriteDraft:
    """A text that may become a problem, the problem it was written for, and the answer that it states, if any."""

    text: str
    stated: str | None
    source: Problem
    rollout: SourceRollout


class Rewritten:
    """Problems out of texts. `read`: a pattern with a group `problem` (or one group), and `answer` for round trips.

    `step`: only texts of this step of the recipe; `kept`: of judged ones only the kept. `near`: at which similarity a text
    is a copy of a source problem or of an earlier one. `solver`, `votes`, `least`: who elects references, how often it is
    asked, and the share that must agree.
    """

    name = "rewritten"

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        *,
        read: str = r"PROBLEM:\s*(?P<problem>.+)",
        step: str | None = None,
        kept: bool = True,
        near: float = 0.9,
        reference: str = "majority",
        solver: Mapping[str, Any] | None = None,
        votes: int = 8,
        least: float = 0.6,
        source: Source | None = None,
        samplers: Samplers | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            read: Regular expression that finds the problem in a text: its group `problem`, and `answer` for round trips.
            step: Read only texts of this step of the recipe.
            kept: Read only kept texts, where they were judged.
            near: Similarity from which a text counts as a copy.
            reference: Origin of a reference: `carried` from the source problem, `majority` of the solver's answers, or
                `round_trip`, where the writer's answer must be the elected one.
            solver: The model that elects references, with the keys of `generate`.
            votes: Solutions drawn for each reference.
            least: Share of the solutions that must agree.
        """
        self._wanted = ReferencePolicy.of(reference, solver, votes, least, self.name)
        self._pattern, self.step, self.kept, self.near = _pattern(read, reference), step, kept, near
        self.source, self.refused = source, dict[str, int]()
        self._elections = Elections(self.name, self._wanted, samplers) if self._wanted.elects and samplers else None
        self.version = "1" if self._elections is None else f"1 {self._elections.version}"

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems; the seed decides which texts come first."""
        source = required(self.source, self.name)
        if self._wanted.elects and self._elections is None:
            Elections(self.name, self._wanted, None)  # which says what is missing
        return islice(self._problems(source, seed), budget)

    def _problems(self, source: Source, seed: int) -> Iterator[Problem]:
        refusals = Refusals((str(problem.prompt) for problem in source.problems), self.near)
        self.refused, drafts = refusals.counts, self._drafts(source, refusals, seed)
        # Drafts are read as needed, so that a small budget pays for few elections.
        while together := list(islice(drafts, _TOGETHER)):
            for draft, reference in zip(together, self._references(together, seed), strict=True):
                if reference is None:
                    refusals.counts["no_reference"] += 1
                else:
                    yield self._problem(draft, reference, seed)

    def _drafts(self, source: Source, refusals: Refusals, seed: int) -> Iterator[RewriteDraft]:
        known = {problem.id: problem for problem in source.problems}
        taken = [rollout for rollout in source.rollouts() if self._takes(rollout)]
        for rollout in sorted(taken, key=lambda rollout: digest128([self.name, seed, rollout.completion_id])):
            match = self._pattern.search(rollout.text)
            groups = match.groupdict() if match else {}
            text = groups.get("problem") or (match[1] if match else None)
            text = None if text is None else text.strip()
            # `refused` is true for None; the second condition is for the type checker.
            if not refusals.refused(text) and text is not None:
                stated = groups.get("answer")
                yield RewriteDraft(text, stated.strip() if stated else None, known[rollout.problem_id], rollout)

    def _takes(self, rollout: SourceRollout) -> bool:
        # A text that nobody judged has no decision, so it cannot have been kept.
        wanted = rollout.kept or not self.kept or rollout.outcome is None
        return wanted and (self.step is None or rollout.step == self.step)

    def _references(self, drafts: list[RewriteDraft], seed: int) -> list[Reference | None]:
        if self._elections is None:
            return [Reference(draft.source.reference, CARRIED, {}) for draft in drafts]
        return self._elections.references([(draft.text, draft.stated) for draft in drafts], seed)

    def _problem(self, draft: RewriteDraft, reference: Reference, seed: int) -> Problem:
        """The text as a problem of the same kind and split; nothing of the source's numbers and steps holds for it.

        Its template is another one, and the same for all of that source's: they are not independent of one another.
        """
        facts = {"completion": draft.rollout.completion_id, **reference.facts}
        return replace(
            draft.source,
            prompt=draft.text,
            reference=reference.text,
            # Tests decide the source's answer, which only a carried reference shares.
            tests=draft.source.tests if reference.origin == CARRIED else (),
            template=None if draft.source.template is None else f"{draft.source.template}~",
            meta=lineage_meta(self.name, [draft.source], seed, reference.origin, **facts),
            external_id=None,
        )


def _pattern(read: str, reference: str) -> "re.Pattern[str]":
    try:
        # Problems go over several lines, and models write the mark in any case.
        pattern = re.compile(read, re.DOTALL | re.IGNORECASE)
    except re.error as error:
        raise SetupError(f"rewritten: read is no pattern: {error}.") from None
    if not pattern.groups or (pattern.groups > 1 and "problem" not in pattern.groupindex):
        raise SetupError(r"rewritten: read needs a group that is the problem.", choices=(r"PROBLEM:\s*(?P<problem>.+)",))
    if reference == ROUND_TRIP and "answer" not in pattern.groupindex:
        example = r"PROBLEM:\s*(?P<problem>.+?)\s*ANSWER:\s*(?P<answer>\S+)"
        raise SetupError("rewritten: a round trip needs what the writer stated.", choices=(example,))
    return pattern
