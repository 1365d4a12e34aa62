"""Reader of rollouts: problem, completion, verdicts and step combined, from a run's plan or a version's tables.

Used for deciding, judging again, comparing and measuring. Texts are read in windows and verdicts in chunks, so a run of any
size is read in bounded memory. A policy, passed in as a function, chooses the accepted verdict.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from rollmill.ground.pool import MEASURED, OPEN, STATES, STRATA, Pool, ballot, coded, measured_scores
from rollmill.ground.records import PENDING, Completion, PlanRow, Problem, Rollout, Score, Verdict
from rollmill.storage.segments.rows import Rows
from rollmill.storage.segments.schema import PLAIN, from_table
from rollmill.storage.workspace import Workspace

Pair = tuple[str, str]
"""(completion id, problem id): what a verdict is about."""
Key = tuple[str, str]
"""(verifier, version)."""
Stored = Mapping[Pair, Mapping[Key, Verdict]]
Item = tuple[PlanRow, Completion]
Accept = Callable[[Mapping[Key, Verdict]], Verdict | None]
"""The verdict that counts of those on one rollout; None while one is missing."""
CHUNK = 20_000  # rows whose verdicts are in memory at a time
_STORED = ("tokens_out", "model", *MEASURED)


class IncompleteRound(RuntimeError):  # noqa: N818 - what a caller that draws cannot meet, and one that only reads can
    """Rows of a plan are not drawn or not judged (or lost since): run their round."""


class GradedCompletion(NamedTuple):
    """A completion of a problem with the stored verdicts on it. `place`: index of its step in the recipe; without steps 0.

    `step`: name of that step. `scores`: stored scores.
    """

    problem: Problem
    completion: Completion
    verdicts: Mapping[Key, Verdict]
    step: str = ""
    place: int = 0
    scores: tuple[Score, ...] = ()

    @property
    def pair(self) -> Pair:
        """(completion id, problem id)."""
        return self.completion.id, self.problem.id

    def rollout(self, verdict: Verdict, scores: tuple[Score, ...] | None = None) -> Rollout:
        """The rollout, once it is said which verdict counts."""
        known = self.scores if scores is None else scores
        return Rollout(self.problem, self.completion, verdict, known, self.step, self.place)


@dataclass(frozen=True, slots=True)
class RunReader:
    """Reads the rows of a run's plan. `problem` gives one by its id, `place` that of a step by its name.

    `chain`: the verifiers whose verdicts are read.
    """

    workspace: Workspace
    problem: Callable[[str], Problem]
    chain: Sequence[Key]
    place: Callable[[str], int]

    def by_problem(self, rows: Sequence[PlanRow]) -> Iterator[tuple[str, list[GradedCompletion]]]:
        """Problem by problem in order of their ids, rows of one as given; IncompleteRound if one is not drawn."""
        graded = (self._graded(*item, stored) for items, _, stored in self._windows(rows) for item in items)
        for problem_id, members in groupby(graded, key=lambda rollout: rollout.problem.id):
            yield problem_id, list(members)

    def rollouts(
        self, rows: Sequence[PlanRow], accept: Accept, *, plain: bool = False
    ) -> Iterator[tuple[str, list[Rollout]]]:
        """The records as rollouts with the accepted verdict; IncompleteRound if one has none. `plain`: without messages,
        token ids, probabilities and meta.
        """
        judged = (
            Rollout(self.problem(row.problem_id), completion, verdicts[pair_of(row)], (), row.step, self.place(row.step))
            for items, part, stored in self._windows(rows, PLAIN if plain else ("*",))
            # A loop over one value: the verdicts of a chunk are complete before its first text is read.
            for verdicts in (_counting(part, stored, accept),)
            for row, completion in items
        )
        for problem_id, members in groupby(judged, key=lambda rollout: rollout.problem.id):
            yield problem_id, list(members)

    def read(self, rows: Sequence[PlanRow], verdicts: Stored) -> list[GradedCompletion]:
        """Some thousand rows at once, in their order, with verdicts that were read before."""
        texts = completions_by_id(self.workspace, {row.completion_id for row in rows})
        return [self._graded(row, texts[row.completion_id], verdicts) for row in rows]

    def verdicts(self, rows: Iterable[PlanRow]) -> dict[Pair, dict[Key, Verdict]]:
        """All stored verdicts of the chain on some thousand rows."""
        return verdicts_by_pair(self.workspace, self.chain, [pair_of(row) for row in rows])

    def accepted(self, rows: Sequence[PlanRow], accept: Accept) -> dict[Pair, Verdict]:
        """The verdict that counts on each of these rows, no text read; IncompleteRound if one is missing."""
        counting: dict[Pair, Verdict] = {}
        for _, part in _chunks(rows):
            counting |= _counting(part, self.verdicts(part), accept)
        return counting

    def pool(self, problems: Sequence[Problem], rows: Sequence[PlanRow], accept: Accept) -> Pool:
        """The rows as columns, in their order, without texts and without the prefix; unjudged rows are pending.

        `problems`: the problems of the rows, each once; more are allowed.
        """
        place = {problem.id: at for at, problem in enumerate(problems)}
        columns: dict[str, list[Any]] = {name: [] for name in ("outcome", "answer", *_STORED)}
        for _, part in _chunks(rows):
            stored, ids = self.verdicts(part), [row.completion_id for row in part]
            verdicts = [accept(stored.get(pair_of(row), {})) for row in part]
            columns["outcome"] += [STATES.index(PENDING if verdict is None else verdict.outcome) for verdict in verdicts]
            columns["answer"] += [None if verdict is None else ballot(verdict) for verdict in verdicts]
            for name in _STORED:
                known = self.workspace.segments.column("completions", name, ids)
                columns[name] += [known.get(cid) for cid in ids]
        plan: Rows[PlanRow] = Rows.of("plan", rows)
        tokens = np.array([-1 if count is None else count for count in columns["tokens_out"]], dtype=np.int64)
        answers, answer = coded(pa.array(columns["answer"], pa.string()))
        models, model = coded(pa.array(columns["model"], pa.string()))
        steps, step = coded(plan.column("step"), "")
        return Pool(
            problems=tuple(place),
            strata={name: tuple(getattr(problem, name) for problem in problems) for name in STRATA},
            problem=np.array([place[key] for key in plan.column("problem_id").to_pylist()], dtype=np.int64),
            completion=coded(plan.column("completion_id"))[1],
            index=plan.column("sample_index").to_numpy(),
            outcome=np.array(columns["outcome"], dtype=np.int64),
            in_prefix=np.zeros(len(plan), dtype=bool),
            step=step,
            kept=np.full(len(plan), OPEN),
            reason=np.full(len(plan), -1),
            model=model,
            answer=answer,
            tokens=tokens,
            steps=steps or ("",),
            models=models,
            answers=answers,
            scores=measured_scores({name: np.array(columns[name], dtype=np.float64) for name in MEASURED}, tokens),
        )

    def _windows(
        self, rows: Sequence[PlanRow], columns: Sequence[str] = ("*",)
    ) -> Iterator[tuple[Iterator[Item], list[PlanRow], Stored]]:
        """Rows in order of their problems: verdicts are looked up a chunk at a time, texts come in one pass over all."""
        plan: Rows[PlanRow] = Rows.of("plan", rows)
        ordered = plan.sorted_by("problem_id")
        texts = self.workspace.segments.fetch_in_order("completions", ordered.column("completion_id"), columns)
        # All windows share the iterator of texts, so each must be read to its end before the next one.
        for start, part in _chunks(ordered):
            yield _with_texts(part, start, texts), part, self.verdicts(part)

    def _graded(self, row: PlanRow, completion: Completion, verdicts: Stored) -> GradedCompletion:
        # By pair, as one completion may answer several problems with another verdict on each.
        mine = verdicts.get((row.completion_id, row.problem_id), {})
        return GradedCompletion(self.problem(row.problem_id), completion, mine, row.step, self.place(row.step))


def pair_of(row: PlanRow) -> Pair:
    """(completion id, problem id): what a verdict is about."""
    return row.completion_id, row.problem_id


def completions_by_id(ws: Workspace, ids: Iterable[str]) -> dict[str, Completion]:
    """Stored completions; IncompleteRound if one is missing."""
    wanted = sorted(ids)
    records = ws.segments.fetch("completions", wanted) if wanted else []
    stored = {record.id: record for record in records if isinstance(record, Completion)}
    if len(stored) != len(wanted):
        raise IncompleteRound(
            f"{len(wanted) - len(stored)} of {len(wanted)} completions are not stored; run their round first"
        )
    return stored


def verdicts_by_pair(ws: Workspace, chain: Sequence[Key], pairs: Sequence[Pair]) -> dict[Pair, dict[Key, Verdict]]:
    """All stored verdicts of these verifiers on these pairs, by pair and (verifier, version)."""
    stored: dict[Pair, dict[Key, Verdict]] = {}
    for verdict in ws.segments.fetch_verdicts(chain, pairs) if pairs else ():
        pair = (verdict.completion_id, verdict.problem_id)
        stored.setdefault(pair, {})[(verdict.verifier, verdict.version)] = verdict
    return stored


def graded_of_tables(tables: Mapping[str, pa.Table], steps: Sequence[str]) -> dict[str, list[GradedCompletion]]:
    """Every judged rollout of a version by problem, in order of step, sample index and id; problems without any too.

    `tables`: those of a snapshot by kind. `steps`: the recipe's, in order. Older versions also hold another run's verdicts
    on completions of unjudged steps.
    """
    threads = from_table("threads", tables["threads"])
    unjudged = {(row.completion_id, row.problem_id) for row in threads if row.role != "answer"}
    verdicts: dict[Pair, dict[Key, Verdict]] = {}
    for verdict in from_table("verdicts", tables["verdicts"]):
        verdicts.setdefault((verdict.completion_id, verdict.problem_id), {})[verdict.verifier, verdict.version] = verdict
    problems: dict[str, Problem] = {row.id: row for row in from_table("problems", tables["problems"])}
    completions: dict[str, Completion] = {row.id: row for row in from_table("completions", tables["completions"])}
    scores: dict[Pair, list[Score]] = {}
    for score in from_table("scores", tables["scores"]):
        scores.setdefault((score.completion_id, score.problem_id), []).append(score)
    step_of = {(d.completion_id, d.problem_id): d.step for d in from_table("decisions", tables["decisions"])}
    places = {step: place for place, step in enumerate(steps)}
    graded: dict[str, list[GradedCompletion]] = {key: [] for key in problems}
    for pair, verdicts_of in verdicts.items():
        if pair[0] in completions and pair[1] in problems and pair not in unjudged:
            step, known = step_of.get(pair, ""), tuple(scores.get(pair, ()))
            rollout = GradedCompletion(
                problems[pair[1]], completions[pair[0]], verdicts_of, step, places.get(step, 0), known
            )
            graded[pair[1]].append(rollout)
    return {
        key: sorted(members, key=lambda rollout: (rollout.place, rollout.completion.sample_index, rollout.completion.id))
        for key, members in graded.items()
    }


def _chunks(rows: Sequence[PlanRow]) -> Iterator[tuple[int, list[PlanRow]]]:
    """Some thousand rows at a time, each with the place of the first."""
    return ((start, list(rows[start : start + CHUNK])) for start in range(0, len(rows), CHUNK))


def _with_texts(part: Sequence[PlanRow], start: int, texts: Iterator[tuple[int, Completion]]) -> Iterator[Item]:
    """Each row with its completion, the first of them at position `start` of the texts."""
    for position, row in enumerate(part, start):
        # `fetch_in_order` leaves unknown ids out: a missing text shows as a later position, or as the end.
        at, completion = next(texts, (-1, None))
        if at != position or completion is None:
            raise IncompleteRound(f"completion {row.completion_id} of run {row.run} is not stored; run its round first")
        yield row, completion


def _counting(part: Sequence[PlanRow], stored: Stored, accept: Accept) -> dict[Pair, Verdict]:
    pairs = dict.fromkeys(map(pair_of, part))
    counting = {pair: verdict for pair in pairs if (verdict := accept(stored.get(pair, {}))) is not None}
    missing = [row for row in part if pair_of(row) not in counting]
    if missing:
        raise IncompleteRound(
            f"{len(missing)} of {len(part)} planned rollouts have no verdict; run round {missing[0].round} first"
        )
    return counting
