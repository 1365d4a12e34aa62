"""The hopeless queue of a run: problems that it gave up or never solved, with the evidence. Live; draws nothing.

The queue has problems stopped by the budget as `hopeless`, problems given up whose draws continue at random (until they
meet their target), and problems without a correct answer at their cap. They are useful: a stronger model's recipe may take
them (export), and a benchmark may be made of them. A pass rate of 0 of n is not 0: the upper bound is shown.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rollmill.ground.records import CONTINUED, Problem, prompt_json
from rollmill.stats import RuleErrorCounts, clopper_pearson, rule_error_counts
from rollmill.storage.imports.reading.columns import PROBLEM_ALIASES
from rollmill.storage.queries.scope import Scope

STOPPED, MET = "hopeless", "target_met"

_COUNTS = """
SELECT r.problem_id, count(*) AS drawn, count(*) FILTER (r.outcome = 'correct') AS correct,
       count(*) FILTER (r.outcome IN ('correct', 'incorrect', 'unparsed')) AS judged,
       sum(coalesce(c.tokens_out, 0))::BIGINT AS tokens
FROM rollouts r JOIN completions c ON c.id = r.completion_id
WHERE r.problem_id IN (SELECT problem_id FROM queued) GROUP BY 1
"""
_STOPS = "SELECT problem_id, reason, round, evidence FROM ({rows}) ORDER BY round, problem_id, reason"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A problem of the queue. `upper`: upper bound of its pass rate, from the budget's posterior if there is one, else the
    exact one-sided 95% bound; `continued`: its draws continue, or continued, at random.
    """

    problem: Problem
    drawn: int
    correct: int
    judged: int
    tokens: int
    upper: float | None
    upper_by: str
    reason: str
    round: int
    continued: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """The entry as JSON values, without the problem's text."""
        problem = {"problem": self.problem.id, "level": self.problem.level, "template": self.problem.template}
        return problem | {key: value for key, value in asdict(self).items() if key != "problem"}


@dataclass(frozen=True, slots=True)
class HopelessQueue:
    """The queue, the hardest levels first, and the known error rate of the rule that filled it."""

    run: str
    problems: tuple[QueueEntry, ...]
    rule: RuleErrorCounts

    @property
    def tokens(self) -> int:
        """Tokens spent on these problems."""
        return sum(queued.tokens for queued in self.problems)


@dataclass(slots=True)
class _Stop:
    """The budget's reason for stopping one problem, and the evidence for giving it up."""

    reason: str = CONTINUED  # a problem that draws on at random has no other reason yet
    round: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    continued: bool = False

    def in_queue(self, correct: int) -> bool:
        """True for a hopeless problem with so many correct answers: at its cap only with none."""
        if self.reason == "trial_cap" and not self.continued:
            return correct == 0
        return self.reason != MET


def hopeless_queue(scope: Scope) -> HopelessQueue:
    """The queue of a run; ValueError for a scope that is not a run."""
    if scope.run is None:
        raise ValueError("only a run has a queue of hopeless problems")
    with scope.connection("rollouts", "completions") as connection:
        rows = connection.execute(_STOPS.format(rows=scope.reader.rows("stops", scope.run.id))).fetchall()
        stops = _by_problem(rows)
        wanted = sorted(key for key, stop in stops.items() if stop.continued or stop.reason in (STOPPED, "trial_cap"))
        connection.execute("CREATE TEMP TABLE queued AS SELECT unnest(?::VARCHAR[]) AS problem_id", [wanted])
        counts = {row[0]: row[1:] for row in connection.execute(_COUNTS).fetchall()}
    hopeless = {key: row for key in wanted if (row := counts.get(key)) and stops[key].in_queue(row[1])}
    problems = scope.reader.fetch("problems", sorted(hopeless))
    queued = [_queued(problem, stops[problem.id], *hopeless[problem.id]) for problem in problems]
    queued.sort(key=lambda entry: (-(entry.problem.level or 0), entry.problem.id))
    return HopelessQueue(scope.run.id, tuple(queued), rule_error_counts((key, reason) for key, reason, _, _ in rows))


def export_rows(queue: HopelessQueue) -> Iterator[dict[str, Any]]:
    """The queue as a problems file for `rollmill import problems`: the same ids, evidence under `hopeless`."""
    for queued in queue.problems:
        problem = queued.problem
        fields = {
            "id": problem.external_id or problem.id,
            "prompt": prompt_json(problem.prompt),
            "reference": problem.reference,
            "kind": problem.kind,
            "tests": list(problem.tests) or None,
            "source": problem.source or None,
            "licence": problem.licence,
            "split": problem.split,
            "level": problem.level,
            "skill": problem.skill,
            "template": problem.template,
        }
        evidence = {"run": queue.run, **{name: getattr(queued, name) for name in ("drawn", "correct", "upper", "reason")}}
        given = {key: value for key, value in fields.items() if value is not None}
        yield {**_further(problem.meta), **given, "hopeless": evidence}


def _further(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The meta as separate columns; keys that an import would misread stay in one column `meta`."""
    # An import finds its columns by these names, whatever their case.
    taken = {alias for aliases in PROBLEM_ALIASES.values() for alias in aliases} | {"meta", "hopeless"}
    columns = {key: value for key, value in meta.items() if key.lower() not in taken}
    inside = {key: value for key, value in meta.items() if key.lower() in taken}
    return columns | ({"meta": inside} if inside else {})


def _by_problem(rows: Iterable[tuple[str, str, int, str | None]]) -> dict[str, _Stop]:
    stops: dict[str, _Stop] = {}
    for problem_id, reason, round_, evidence in rows:
        stop = stops.setdefault(problem_id, _Stop())
        # Rows come by round: the evidence is from the first time the problem was given up, whatever its later end.
        stop.evidence = stop.evidence or json.loads(evidence or "{}")
        if reason == CONTINUED:
            stop.continued = True
        else:
            stop.reason, stop.round = reason, round_
    return stops


def _queued(problem: Problem, stop: _Stop, drawn: int, correct: int, judged: int, tokens: int) -> QueueEntry:
    # Of a problem that ended otherwise the evidence is older than its last draws.
    upper, by = (stop.evidence.get("upper") if stop.reason == STOPPED else None), "posterior"
    if upper is None:
        exact, by = clopper_pearson(correct, judged, confidence=0.9), "exact"  # 95% one-sided
        upper = None if exact is None else exact.high
    return QueueEntry(
        problem, drawn, correct, judged, tokens, upper, by, stop.reason, stop.round, stop.continued, stop.evidence
    )
