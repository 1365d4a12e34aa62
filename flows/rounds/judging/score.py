"""The scores of a run's rollouts: those that are stored are found, the others made and committed batch by batch.

For the stage `score` of a curation, for decisions, and for `rollmill score`, later and again. A batch is some thousand rows
of whole problems; a kill loses at most one of them, and replies to a scorer's requests are already stored completions.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rollmill.flows.rounds.judging.votes import judge_by_votes, stored_votes
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import answers_of, by_problems, together
from rollmill.ground.errors import SetupError, contract_error
from rollmill.ground.ids import digest128
from rollmill.ground.pool import ballot
from rollmill.ground.records import PlanRow, Prompt, Score
from rollmill.pipelines.returned import check_returned
from rollmill.pipelines.score import group_scores, needs_of, scores_of
from rollmill.roles.protocols import ANSWERS, VERDICTS, VOTES, Candidates, GroupScorer, Scorer
from rollmill.steps.cast_votes import CastVotes
from rollmill.storage.rollouts import Accept, GradedCompletion, Pair, RunReader, pair_of
from rollmill.storage.scores import RunMarks, ScorerKey
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.rows import Rows
from rollmill.storage.workspace import Workspace

GROUP = 2_048  # rows scored and committed together
AnyScorer = Scorer | GroupScorer
Tell = Callable[[int, int], None]
"""Hears of rows done, of all."""


@dataclass(frozen=True, slots=True)
class RunRows:
    """A run's planned rows as scorers need them: who reads them, which verdict counts, how versions are marked.

    `prompts`: what each of some rows answers, as its model was asked; `followers`: the steps that follow others.
    """

    workspace: Workspace
    run: str
    plans: Sequence[Sequence[PlanRow]]
    reader: RunReader
    accept: Accept
    marks: RunMarks
    prompts: Callable[[Sequence[PlanRow]], Iterable[Prompt]]
    votes: CastVotes
    followers: Collection[str] = ()

    def key(self, scorer: AnyScorer) -> ScorerKey:
        """Storage key of a scorer's scores of these rows."""
        return scorer.name, f"{scorer.version}{self.marks.of(needs_of(scorer))}"


@dataclass(slots=True)
class ScoreCounts:
    """Counts of a run's rows for one scorer. `unscored`: rows without a score, `pending`: rows not drawn yet.

    `seconds` and `cost` are those of the scores made now.
    """

    scorer: str
    version: str
    stored: int = 0
    made: int = 0
    unscored: int = 0
    pending: int = 0
    seconds: float = 0.0
    cost: float | None = None

    def add(self, scores: Sequence[Score]) -> None:
        """Count numbers that were made."""
        self.made += len(scores)
        self.seconds += math.fsum(score.seconds or 0.0 for score in scores)
        costs = [score.cost for score in scores if score.cost is not None]
        self.cost = math.fsum([self.cost or 0.0, *costs]) if costs else self.cost


def rows_of(run: OpenRun) -> RunRows:
    """Rows of an open run, as scorers read them."""
    every = run.workspace.runs.plans(run.id)
    plans = [answers_of(run.spec, Rows.of("plan", plan)) for plan in every]
    followers = [step.name for step in run.spec.steps if step.follows]
    marks = RunMarks(run.workspace.runs.get(run.id), together(every))
    votes = stored_votes(run.workspace, run.spec.graph, together(every))
    return RunRows(
        run.workspace, run.id, plans, run.reader(), run.verifiers.counted, marks, _prompts_of(run, every), votes, followers
    )


def _prompts_of(run: OpenRun, plans: Sequence[Sequence[PlanRow]]) -> Callable[[Sequence[PlanRow]], Iterable[Prompt]]:
    return run.follow(plans).questions if run.spec.follows else run.prompts


def score_run(run: OpenRun, tell: Tell | None = None) -> list[ScoreCounts]:
    """Make and commit the missing scores of the recipe's scorers, once per command: each call retries unscored rows."""
    if not run.spec.scorers or run.memory.scored:
        return []
    # Before scoring: a scorer may read verdicts, those by votes included.
    judge_by_votes(run)
    # A scorer may ask a model, and this run pays for it.
    run.charge_samplers()
    counts = score_rows(rows_of(run), run.spec.scorers, tell)
    run.memory.note_scored()
    return counts


def score_rows(
    rows: RunRows, scorers: Sequence[AnyScorer], tell: Tell | None = None, *, dry_run: bool = False
) -> list[ScoreCounts]:
    """Make and commit the scores that these scorers lack on a run's rows; a stored score costs a look-up.

    `dry_run`: no score is made, and missing ones are counted as made.
    """
    counts = [ScoreCounts(*rows.key(scorer)) for scorer in scorers]
    total, done = sum(map(len, rows.plans)), 0
    # Whole problems: a scorer of groups compares all completions of a problem.
    for group in by_problems(rows.plans, GROUP):
        present = rows.workspace.segments.present("completions", [row.completion_id for row in group])
        drawn_rows = [row for row in group if row.completion_id in present]
        missing = [_missing(rows, count, drawn_rows) for count in counts]
        texts = [] if dry_run else list(_candidates(rows, drawn_rows, scorers, set().union(*missing)))
        for scorer, count, pairs in zip(scorers, counts, missing, strict=True):
            count.pending += len(group) - len(drawn_rows)
            count.stored += len(drawn_rows) - len(pairs)
            if dry_run:
                count.made += len(pairs)
            elif pairs:
                scores = _scores(rows, scorer, texts, pairs)
                # Scorer by scorer, so that a kill loses the numbers of one scorer on one group.
                _commit(rows, scores)
                count.add(scores)
                count.unscored += len(pairs) - len(scores)
        done += len(group)
        if tell is not None:
            tell(done, total)
    if tell is not None:
        tell(done, done)  # rows that two rounds name are one
    return counts


def stored_scores(
    rows: RunRows, scorers: Sequence[AnyScorer], part: Iterable[PlanRow] | None = None
) -> dict[Pair, tuple[Score, ...]]:
    """The stored scores on these of a run's rows (all) by pair, in the order of the scorers."""
    scores: dict[Pair, tuple[Score, ...]] = {}
    keys = [rows.key(scorer) for scorer in scorers]
    for group in by_problems(rows.plans if part is None else [list(part)], GROUP) if keys else ():
        for score in rows.workspace.segments.fetch_scores(keys, [pair_of(row) for row in group]):
            pair = score.completion_id, score.problem_id
            scores[pair] = (*scores.get(pair, ()), score)
    return scores


def preview_scores(
    rows: RunRows, scorers: Sequence[AnyScorer], graded: Sequence[GradedCompletion]
) -> dict[Pair, tuple[Score, ...]]:
    """The scores of some rollouts, by pair, for who tries something and stores nothing.

    Those of plain scorers are computed, the others looked up; SetupError if none of those was ever made.
    """
    asking = [scorer for scorer in scorers if needs_of(scorer)]
    keys = [rows.key(scorer) for scorer in asking]
    known: dict[Pair, dict[str, Score]] = {member.pair: {} for member in graded}
    for score in rows.workspace.segments.fetch_scores(keys, list(known)) if keys else ():
        known[score.completion_id, score.problem_id][score.scorer] = score
    for scorer in asking:
        if rows.key(scorer) not in rows.workspace.segments.registry.makers("scores"):
            raise SetupError(
                f"run {rows.run} has no scores by {scorer.name!r} yet.",
                next_command=f"rollmill score {rows.run} --with {scorer.name}",
            )
    for problem, members in groupby(graded, key=lambda member: member.problem):
        plain = [scorer for scorer in scorers if not needs_of(scorer)]
        for scores in scores_of(plain, problem, [member.completion for member in members]).values():
            for score in scores:
                known[score.completion_id, problem.id][score.scorer] = score
    names = [scorer.name for scorer in scorers]
    return {pair: tuple(by_name[name] for name in names if name in by_name) for pair, by_name in known.items()}


def _missing(rows: RunRows, count: ScoreCounts, drawn: Sequence[PlanRow]) -> set[Pair]:
    pairs = [pair_of(row) for row in drawn]
    return set(pairs) - rows.workspace.segments.scored(count.scorer, count.version, pairs)


def _candidates(
    rows: RunRows, drawn_rows: Sequence[PlanRow], scorers: Sequence[AnyScorer], missing: set[Pair]
) -> Iterator[Candidates]:
    """The problems that a scorer has something to do for, each with all of its completions."""
    # All completions of a problem, also scored ones: a number may depend on the others of its group.
    problems = {problem_id for _, problem_id in missing}
    wanted = [row for row in drawn_rows if row.problem_id in problems]
    if not wanted:
        return
    needs = {need for scorer in scorers for need in needs_of(scorer)}
    graded = rows.reader.read(wanted, rows.reader.verdicts(wanted) if needs & {ANSWERS, VERDICTS} else {})
    given_votes = _votes(rows) if VOTES in needs else None
    shown = any(isinstance(scorer, GroupScorer) for scorer in scorers)  # others are given no prompts
    prompt_of = dict(zip(map(pair_of, wanted), rows.prompts(wanted), strict=True)) if shown else {}
    for _, members in groupby(graded, key=lambda member: member.problem.id):
        group = list(members)
        answers = [_answer(rows, member) for member in group] if ANSWERS in needs else []
        verdicts = (
            [{key[0]: verdict for key, verdict in member.verdicts.items()} for member in group] if VERDICTS in needs else []
        )
        prompts = [prompt_of[member.pair] for member in group] if prompt_of else []
        follow_ups = {
            member.completion.id: prompt_of[member.pair] for member in group if prompt_of and member.step in rows.followers
        }
        votes = given_votes.of([member.pair for member in group]) if given_votes is not None else []
        completions = [member.completion for member in group]
        yield Candidates(group[0].problem, completions, answers, verdicts, prompts, votes, follow_ups)


def _votes(rows: RunRows) -> CastVotes:
    """SetupError if no step of the run votes."""
    if not rows.votes.steps:
        raise SetupError(
            f"run {rows.run} has no step that votes.", next_command="a step with role: vote that names the step it votes on"
        )
    return rows.votes


def _answer(rows: RunRows, graded: GradedCompletion) -> str | None:
    """Answer that a completion votes for. SetupError if it is not judged yet: stored vote shares must be final."""
    verdict = rows.accept(graded.verdicts)
    if verdict is None:
        raise SetupError(
            f"run {rows.run} has rollouts that are not judged, and a scorer needs the answers of all.",
            next_command=f"rollmill runs resume {rows.run}",
        )
    return ballot(verdict)


def _scores(rows: RunRows, scorer: AnyScorer, groups: Sequence[Candidates], pairs: set[Pair]) -> list[Score]:
    """Scores of these pairs by one scorer, under its stored version; values that are not finite numbers are left out."""
    problems = {problem_id for _, problem_id in pairs}
    mine = [group for group in groups if group.problem.id in problems]
    known = {(completion.id, group.problem.id) for group in mine for completion in group.completions}
    began = time.perf_counter()
    scores: dict[Pair, Score] = {}
    for score in group_scores(scorer, mine):
        check_returned(scorer, "score_groups" if isinstance(scorer, GroupScorer) else "score", [score], Score)
        pair = score.completion_id, score.problem_id
        if pair not in known or pair in scores:
            raise contract_error(f"scorer {scorer.name!r} scored {pair[0]}, which was not requested, or scored it twice")
        scores[pair] = score
    # A scorer that measures no time of its own gets an equal share of the call.
    share = (time.perf_counter() - began) / max(1, len(scores))
    name, version = rows.key(scorer)
    return [
        replace(score, scorer=name, version=version, seconds=share if score.seconds is None else score.seconds)
        for pair, score in scores.items()
        # Only missing ones: the others were given to the scorer as the rest of their group.
        if pair in pairs and all(map(math.isfinite, (score.value, *(score.steps or ()))))
    ]


def _commit(rows: RunRows, scores: Sequence[Score]) -> None:
    if scores:
        # Sorted, so that the key does not depend on the order in which a scorer answers.
        members = sorted([score.completion_id, score.problem_id] for score in scores)
        key = SegmentKey("scores", scores[0].scorer, scores[0].version, digest128(["scores", members]))
        rows.workspace.segments.commit(key, scores, run=rows.run)
