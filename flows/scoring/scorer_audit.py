"""Audit of scorers on a run: pairs of a short solution and a longer one off the topic, and grades by people.

Nothing is stored but what a scorer asks a model for, which is charged to the run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.rounds.judging.score import RunRows, stored_scores
from rollmill.flows.scoring.scoring import ScoreRequest, opened_rows
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Rollout
from rollmill.pipelines.certify.topic_pairs import (
    Solutions,
    TopicPair,
    missing_inputs,
    preferences,
    solutions_of,
    topic_pairs,
)
from rollmill.pipelines.score import group_scores
from rollmill.pipelines.score.imported import Imported
from rollmill.roles.protocols import Candidates
from rollmill.stats import constant_grades, graded_quality, population_mean
from rollmill.storage.rollouts import IncompleteRound
from rollmill.storage.segments.rows import Rows

if TYPE_CHECKING:
    from rollmill.roles.protocols import GroupScorer, Scorer

PREFERS = "share of pairs in which the short solution scores higher than a longer one of another problem, ties one half"
PLAIN = ("length", "logprob_per_token", "logprob_sum", "self_certainty")  # scorers that ask nobody and need no option


@dataclass(frozen=True, slots=True)
class ScorerAuditRequest:
    """Request of one command: a run, scorers with options, number and seed of pairs.

    `grades`: the field of imported rollouts with people's grades, from 0 to `most`.
    """

    root: Path
    run: str | None = None
    scorers: tuple[tuple[str, Any], ...] = ()
    profile: str | None = None
    n: int = 300
    seed: int = 1
    grades: str | None = None
    most: int = 2


def scorer_audit(request: ScorerAuditRequest) -> dict[str, Any]:
    """Preference of each scorer over the pairs, and its quality against grades, as JSON values."""
    asked = ScoreRequest(request.root, request.run, request.scorers, request.profile)
    with opened_rows(asked, [] if request.scorers else PLAIN) as (run, rows, scorers):
        groups = _judged(str(run), rows)
        pairs = list(topic_pairs(_solved(groups), request.n, request.seed))
        if not pairs and request.grades is None:
            raise SetupError(
                f"run {run} has no two problems of different templates with a right solution, the second longer.",
                next_command=f"rollmill runs show {run}",
            )
        rollouts = [member for members in groups for member in members]
        return {
            "run": run,
            "pairs": len(pairs),
            "scorers": [_preference(scorer, pairs) for scorer in scorers],
            **({} if request.grades is None else {"grades": _graded(request, rows, scorers, rollouts)}),
        }


def _judged(run: str, rows: RunRows) -> list[list[Rollout]]:
    """The rollouts of each problem; SetupError if a planned one is not drawn or not judged."""
    try:
        parts = [rows.reader.rollouts(Rows.of("plan", plan), rows.accept) for plan in rows.plans]
        return [members for part in parts for _, members in part]
    except IncompleteRound as error:
        raise SetupError(
            f"run {run} has rollouts that are not judged yet.", next_command=f"rollmill runs resume {run}"
        ) from error


def _solved(groups: Sequence[Sequence[Rollout]]) -> Iterator[Solutions]:
    for members in groups:
        solutions = solutions_of(members)
        if solutions is not None:
            yield solutions


def _preference(scorer: "Scorer | GroupScorer", pairs: Sequence[TopicPair]) -> dict[str, Any]:
    """Share of pairs in which a scorer prefers the solution on the topic; none where it needs more than texts."""
    row: dict[str, Any] = {"scorer": scorer.name, "version": scorer.version, "unscored": 0, "prefers": None, "why": None}
    if missing := missing_inputs(scorer):
        return {**row, "why": f"needs {', '.join(missing)}, which a solution in another problem's place does not have"}
    values = preferences(scorer, pairs)
    # Pairs of one template are not independent, so templates are the clusters.
    known = [(value, pair.problem.template) for value, pair in zip(values, pairs, strict=True) if value is not None]
    rate = population_mean([value for value, _ in known], [template for _, template in known], estimand=PREFERS)
    why = "gave no number" if rate is None else None
    return {**row, "unscored": len(pairs) - len(known), "prefers": None if rate is None else asdict(rate), "why": why}


def _graded(
    request: ScorerAuditRequest,
    rows: RunRows,
    scorers: "Sequence[Scorer | GroupScorer]",
    rollouts: Sequence[Rollout],
) -> dict[str, Any]:
    """Quality of each scorer against people's grades, beside constant grades."""
    # The scorer `imported` reads fields of imported rollouts, and grades are such a field.
    reader = Imported(str(request.grades))
    graded = [
        (member, scores[0].value)
        for member in rollouts
        if (scores := list(reader.score(member.problem, [member.completion])))
    ]
    if not graded:
        raise SetupError(
            f"no rollout of the run has a grade in the field {request.grades!r}.",
            next_command="rollmill import rollouts FILE, whose other fields are kept",
        )
    true = [grade for _, grade in graded]
    outside = next((grade for grade in true if not 0 <= grade <= request.most), None)
    if outside is not None:
        raise SetupError(f"a grade of {outside:g} is not between 0 and {request.most}.", next_command="--most 5")
    # A problem without a template is a cluster of its own.
    clusters = [member.problem.template or member.problem.id for member, _ in graded]
    qualities = []
    for scorer in scorers:
        given = _given(rows, scorer, [member for member, _ in graded])
        quality = graded_quality(given, true, request.most, clusters)
        if quality is not None:
            qualities.append({"scorer": scorer.name, "version": scorer.version, **asdict(quality)})
    # A scorer is of use only where it is closer to the grades than the best constant.
    constant = {str(grade): asdict(of) for grade, of in constant_grades(true, request.most, clusters).items()}
    return {"field": request.grades, "n": len(true), "most": request.most, "scorers": qualities, "constant": constant}


def _given(rows: RunRows, scorer: "Scorer | GroupScorer", rollouts: Sequence[Rollout]) -> list[float | None]:
    """The stored scores of these rollouts, or new ones where a scorer has none and reads texts alone."""
    stored = stored_scores(rows, [scorer])
    values = {pair: scores[0].value for pair, scores in stored.items()}
    if not values and not missing_inputs(scorer):
        groups = [Candidates(member.problem, [member.completion]) for member in rollouts]
        values = {(score.completion_id, score.problem_id): score.value for score in group_scores(scorer, groups)}
    return [values.get((member.completion.id, member.problem.id)) for member in rollouts]
