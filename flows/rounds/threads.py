"""The threads of a run: links between its planned rows, the facts about each, and the prompts of follow-ups.

Read from the committed plans and the stored completions, so a resumed command asks what the first one planned.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol

from rollmill.flows.rounds.memory import Memory
from rollmill.flows.rounds.plan_rows import whole_problems
from rollmill.flows.sampling.steps import Step
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.records import Completion, Outcome, PlanRow, Problem, Prompt
from rollmill.pipelines.generate.calls import STOP
from rollmill.pipelines.generate.prompts import continued
from rollmill.roles.tallies import Draw
from rollmill.steps.census import Census
from rollmill.steps.follow import Link, Threads, follow_ups, outdated_follow_ups
from rollmill.steps.graph import StepGraph
from rollmill.steps.reading import fields_of
from rollmill.steps.step_template import OUTCOME, TRUNCATED, Facts, Filling, StepText
from rollmill.storage.rollouts import Pair, completions_by_id, pair_of
from rollmill.storage.segments.rows import Rows
from rollmill.storage.workspace import Workspace

AT_ONCE = 1_024  # follow-ups whose texts are read together
READ_AT_ONCE = 8_192


class FollowUp(NamedTuple):
    """A completion to draw or drawn: of a problem, on a step, after others."""

    problem_id: str
    step: str
    after: tuple[str, ...]


class SteppedSpec(Protocol):
    """The steps and the problems of a run."""

    @property
    def graph(self) -> StepGraph: ...

    def step(self, name: str = "") -> Step: ...

    def problem(self, problem_id: str) -> Problem: ...

    def judged(self, step: str) -> bool: ...


class SteppedRun(Protocol):
    """A run with steps: an open one, or a recorded one that is only read."""

    @property
    def id(self) -> str: ...

    @property
    def workspace(self) -> Workspace: ...

    @property
    def spec(self) -> SteppedSpec: ...

    @property
    def memory(self) -> Memory: ...

    def outcomes(self, rows: Sequence[PlanRow]) -> Mapping[Pair, Outcome]:
        """Outcomes of judged rows, by pair."""


class RunThreads:
    """The threads of a run."""

    def __init__(self, run: SteppedRun) -> None:
        self._run, self._graph = run, run.spec.graph
        self._made: dict[str, Threads] = {}

    def note(self, plans: Sequence[Sequence[PlanRow]]) -> None:
        """Take in the rows of these rounds, each round once; their data are read on demand."""
        known = self._run.memory.threads
        for plan in plans[known.rounds :]:
            for row in plan:
                # By problem and completion: two problems with one prompt share completions.
                known.rows.setdefault(row.problem_id, {})[row.completion_id] = row
        known.rounds = max(known.rounds, len(plans))
        # They were made of the links known before these rows.
        self._made.clear()

    def draws(self, rows: Rows[PlanRow], census: Census | None = None) -> Iterator[Draw]:
        """Follow-ups of these rows by problem id; `census`: counts the rows on the way."""
        for problem_id, facts in self._facts(rows):
            yield from follow_ups(self._graph, problem_id, self._links(problem_id), facts, census)

    def outdated_follow_ups(self, rows: Rows[PlanRow]) -> Iterator[Link]:
        """Links of the run's rows that today's texts and verdicts would no longer ask for; `rows`: all rows of the run."""
        for problem_id, facts in self._facts(rows):
            yield from outdated_follow_ups(self._graph, problem_id, self._links(problem_id), facts)

    def _facts(self, rows: Rows[PlanRow]) -> Iterator[tuple[str, Mapping[Pair, Facts]]]:
        """The problems of these rows in order of their ids, each once its facts are read."""
        for group in whole_problems(rows.sorted_by("problem_id"), READ_AT_ONCE):
            self._read(group)
            for problem_id, _ in groupby(group, key=attrgetter("problem_id")):
                yield problem_id, self._run.memory.threads.facts

    def fillings(self, batch: Sequence[FollowUp]) -> Iterator[Filling]:
        """Values that fill the template of each follow-up, in order; texts are read some thousand at a time."""
        for start in range(0, len(batch), AT_ONCE):
            part = batch[start : start + AT_ONCE]
            threads = [self._thread(follow_up) for follow_up in part]
            pairs = [
                (cid, follow_up.problem_id)
                for follow_up, thread in zip(part, threads, strict=True)
                # `after` too: a step that gathers has an empty thread.
                for cid in {*thread.values(), *follow_up.after}
            ]
            texts = completions_by_id(self._run.workspace, {cid for cid, _ in pairs})
            outcomes = self._outcomes(part, pairs)
            for follow_up, thread in zip(part, threads, strict=True):
                yield self._filling(follow_up, thread, texts, outcomes)

    def prompt(self, follow_up: FollowUp, filling: Filling, *, swapped: bool = False) -> Prompt:
        """Prompt of a follow-up: its filled template, after the question and the text if the step continues a text."""
        step, problem = self._run.spec.step(follow_up.step), self._run.spec.problem(follow_up.problem_id)
        question = step.prompt_for(problem, filling._replace(swapped=swapped, raw=step.raw))
        if step.node is None or step.node.step.turn == "new":
            return question
        return continued(self._question(follow_up.problem_id, self._source(follow_up)), plain_text(question))

    def prompts(self, rows: Sequence[PlanRow]) -> Iterator[Prompt]:
        """Prompt of each of these follow-up rows."""
        batch = [FollowUp(row.problem_id, row.step, row.followed) for row in rows]
        for row, follow_up, filling in zip(rows, batch, self.fillings(batch), strict=True):
            alike = self._run.spec.step(row.step).alike
            # The parity of the index decides the order, so that each order gets half of the completions.
            yield self.prompt(follow_up, filling, swapped=not alike and row.sample_index % 2 == 1)

    def questions(self, rows: Sequence[PlanRow]) -> Iterator[Prompt]:
        """Question that each row answers as a whole.

        This is the prompt of the row. If the row needed no new request, it is the question of the text that the row
        continues or derives from.
        """
        asked_rows = [row for row in rows if (step := self._run.spec.step(row.step)).follows and not step.raw]
        prompts = dict(zip(map(pair_of, asked_rows), self.prompts(asked_rows), strict=True))
        for row in rows:
            yield prompts.get(pair_of(row)) or self._question(row.problem_id, row.completion_id)

    def _question(self, problem_id: str, completion_id: str) -> Prompt:
        """Question of the continued text, or, if no model drew that text, of its source text."""
        row = self._row(problem_id, completion_id)
        step, own = self._run.spec.step(row.step), FollowUp(row.problem_id, row.step, row.followed)
        if not step.follows:
            return step.prompt_for(self._run.spec.problem(row.problem_id))
        if step.raw:
            return self._question(problem_id, self._source(own))
        return self.prompt(own, next(self.fillings([own])))

    def _source(self, follow_up: FollowUp) -> str:
        return self._threads(follow_up.problem_id).source(follow_up.step, follow_up.after)

    def _thread(self, follow_up: FollowUp) -> Mapping[str, str]:
        """Step to completion id, for the ancestors of a completion."""
        return self._threads(follow_up.problem_id).before(follow_up.step, follow_up.after)

    def _threads(self, problem_id: str) -> Threads:
        threads = self._made.get(problem_id)
        if threads is None:
            if len(self._made) > READ_AT_ONCE:
                self._made.clear()  # by any of several draw workers, so what was made is not looked up again
            self._made[problem_id] = threads = Threads(self._graph, self._links(problem_id))
        return threads

    def _links(self, problem_id: str) -> list[Link]:
        rows = self._run.memory.threads.rows.get(problem_id, {}).values()
        return [Link(row.completion_id, row.step, row.followed) for row in rows]

    def _row(self, problem_id: str, completion_id: str) -> PlanRow:
        return self._run.memory.threads.rows[problem_id][completion_id]

    def _filling(
        self, follow_up: FollowUp, thread: Mapping[str, str], texts: Mapping[str, Completion], outcomes: Mapping[Pair, str]
    ) -> Filling:
        problem, node = self._run.spec.problem(follow_up.problem_id), self._graph.nodes[follow_up.step]
        goes_on = node.step.turn == "continue"
        earlier = {name: self._step_text(problem.id, texts[cid], outcomes, whole=goes_on) for name, cid in thread.items()}
        parent = node.parents[0] if node.parents else ""
        gathered = follow_up.after if node.step.gather else ()
        group = [self._step_text(problem.id, texts[cid], outcomes) for cid in gathered]
        return Filling(problem.prompt, problem.reference, earlier, parent, group)

    def _step_text(
        self, problem_id: str, completion: Completion, outcomes: Mapping[Pair, str], *, whole: bool = False
    ) -> StepText:
        """`whole`: with the stop string that ended it, which the model wrote but the text lacks."""
        # The readers of the step that drew it, which may stand for the one that the template names.
        reads = self._graph.nodes[self._row(problem_id, completion.id).step].reads
        fields = fields_of(completion.text, reads) if reads else {}
        outcome = outcomes.get((completion.id, problem_id))
        text = completion.text + (completion.meta.get(STOP) or "" if whole else "")
        return StepText(text, Facts(outcome, completion.finish_reason == "length", fields))

    def _outcomes(self, part: Sequence[FollowUp], pairs: Iterable[Pair]) -> Mapping[Pair, str]:
        """The outcomes that a template of these steps shows."""
        steps = {follow_up.step for follow_up in part}
        if not any(place.field == OUTCOME for step in steps for place in self._graph.nodes[step].places):
            return {}
        rows = [self._row(problem_id, cid) for cid, problem_id in pairs]
        return self._run.outcomes([row for row in rows if self._run.spec.judged(row.step)])

    def _read(self, rows: Sequence[PlanRow]) -> None:
        """Read the facts that the conditions of follow-ups need, for the rows not read yet."""
        facts = self._run.memory.threads.facts
        # Each row once: otherwise every round would read those of all rounds before it again.
        new = [row for row in rows if pair_of(row) not in facts]
        outcomes = self._run.outcomes([row for row in new if self._run.spec.judged(row.step)])
        # Only of steps whose fields a follow-up needs: texts are by far the largest column.
        ids = [row.completion_id for row in new if row.step in self._graph.steps_read]
        texts = completions_by_id(self._run.workspace, ids)
        cut_off, failed = self._cut_off(new), self._failed_ids(new)
        for row in new:
            reads = self._graph.nodes[row.step].reads
            fields = fields_of(texts[row.completion_id].text, reads) if row.completion_id in texts else {}
            outcome = outcomes.get(pair_of(row))
            facts[pair_of(row)] = Facts(outcome, row.completion_id in cut_off, fields, row.completion_id in failed)

    def _failed_ids(self, rows: Sequence[PlanRow]) -> set[str]:
        """Completions of rows for which a model-free engine failed."""
        # Only a model-free engine notes a failure; another engine's error leaves no completion.
        ids = [row.completion_id for row in rows if self._run.spec.step(row.step).raw]
        meta = self._run.workspace.segments.column("completions", "meta", ids) if ids else {}
        return {cid for cid, text in meta.items() if text and "failed" in json.loads(text)}

    def _cut_off(self, rows: Sequence[PlanRow]) -> set[str]:
        """Completions of these rows that were cut off; empty if no condition reads truncation."""
        if all(condition.field != TRUNCATED for node in self._graph.follow_ups for condition in node.conditions):
            return set()
        reasons = self._run.workspace.segments.column("completions", "finish_reason", [row.completion_id for row in rows])
        return {cid for cid, reason in reasons.items() if reason == "length"}
