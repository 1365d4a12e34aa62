"""Verdicts of a run or a version for the page of verifiers: by rule, by pair of verifiers, and by time. Reads no text.

Error rates come from people: the rates of audits, in total and by deciding rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.stats import Stratum, audit_rates
from rollmill.storage.audits import Audit, Audits
from rollmill.storage.queries.browse.explore_index import ExploreIndex
from rollmill.storage.queries.judge.audits import judged_sample

Row = dict[str, Any]
SLOWEST, DIFFERING = 50, 200  # rows of the tables
_RULES = """
SELECT k.verifier, k.version, k.rule, count(*), count(*) FILTER (outcome = 'correct'),
       count(*) FILTER (outcome = 'incorrect'), count(*) FILTER (outcome = 'unparsed'),
       count(*) FILTER (outcome = 'undecided'), sum(v.seconds), quantile_cont(v.seconds, 0.99), max(v.seconds)
FROM verdicts v JOIN kinds k USING (kind) GROUP BY ALL ORDER BY verifier, version, count(*) DESC, rule
"""
# The threshold is found before any join, so only the slowest verdicts are joined.
_SLOWEST = """
SELECT k.verifier, k.version, k.rule, k.outcome, v.seconds, p.id, r.completion_id
FROM verdicts v JOIN kinds k USING (kind) JOIN rollouts r USING (rollout) JOIN problems p ON p.problem = r.problem
WHERE v.seconds >= (
    SELECT min(seconds) FROM (SELECT seconds FROM verdicts WHERE seconds > 0 ORDER BY seconds DESC LIMIT $1))
ORDER BY v.seconds DESC, r.completion_id LIMIT $1
"""
# Pairs are counted by the numbers of kinds, of which there are few; names are joined to the counts.
_PAIRS = """
CREATE TEMP TABLE pairs AS
SELECT a.verifier AS one, b.verifier AS other, a.outcome AS said, b.outcome AS other_said, a.rule, b.rule AS other_rule,
       p.rollouts, p.problem, p.rollout
FROM (SELECT v.kind AS a, w.kind AS b, count(*) AS rollouts, min(r.problem) AS problem,
             arg_min(rollout, r.problem) AS rollout
      FROM verdicts v JOIN verdicts w USING (rollout) JOIN (SELECT rollout, problem FROM rollouts) r USING (rollout)
      WHERE v.kind < w.kind GROUP BY v.kind, w.kind) p
JOIN kinds a ON a.kind = p.a JOIN kinds b ON b.kind = p.b
WHERE (a.verifier, a.version) < (b.verifier, b.version)
"""
_AGREEMENT = """
SELECT one, other, said, other_said, sum(rollouts)::BIGINT FROM pairs GROUP BY ALL ORDER BY 1, 2, 3, 4
"""
_DIFFERING = """
SELECT d.* EXCLUDE (problem, rollout), p.id, r.completion_id
FROM (SELECT one, other, said, other_said, rule, other_rule, sum(rollouts)::BIGINT AS n, min(problem) AS problem,
             arg_min(rollout, problem) AS rollout
      FROM pairs WHERE said <> other_said GROUP BY ALL) d
JOIN problems p USING (problem) JOIN rollouts r USING (rollout) ORDER BY n DESC, 1, 2, 3, 4, 5, 6 LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """The verdicts of one verifier by one rule. `seconds` and their tail are CPU seconds."""

    verifier: str
    version: str
    rule: str
    verdicts: int
    correct: int
    incorrect: int
    unparsed: int
    undecided: int
    seconds: float | None
    p99: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class SlowVerdict:
    """A verdict with a long computation time."""

    verifier: str
    version: str
    rule: str
    outcome: str
    seconds: float
    problem_id: str
    completion_id: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Number of rollouts on which two verifiers agree."""

    one: str
    other: str
    said: str
    other_said: str
    rollouts: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Number of rollouts on which two verifiers differ by these rules; one of them as an example."""

    one: str
    other: str
    said: str
    other_said: str
    rule: str
    other_rule: str
    rollouts: int
    problem_id: str
    completion_id: str


@dataclass(frozen=True, slots=True)
class VerifierAccount:
    """Statistics of the verdicts of one scope, by verifier."""

    rules: tuple[RuleCount, ...]
    agreements: tuple[Agreement, ...]
    disagreements: tuple[Disagreement, ...]
    slowest: tuple[SlowVerdict, ...]


def verifier_account(index: ExploreIndex) -> VerifierAccount:
    """The account of a run or a version."""
    with index.cursor() as cursor:
        cursor.execute(_PAIRS)
        return VerifierAccount(
            tuple(RuleCount(*row) for row in cursor.execute(_RULES).fetchall()),
            tuple(Agreement(*row) for row in cursor.execute(_AGREEMENT).fetchall()),
            tuple(Disagreement(*row) for row in cursor.execute(_DIFFERING, [DIFFERING]).fetchall()),
            tuple(SlowVerdict(*row) for row in cursor.execute(_SLOWEST, [SLOWEST]).fetchall()),
        )


def rates_by_rule(audits: Audits, audit: Audit) -> dict[str, Row]:
    """Rates of an audit by deciding rule; `other` pools the rare rules.

    An audit draws within strata of outcome, difficulty band and rule, so each rule's strata are a sample of their own.
    """
    strata, judged = judged_sample(audits, audit)
    rules: dict[str, list[Stratum]] = {}
    for stratum in strata:
        rules.setdefault(stratum.name.rsplit(" | ", 1)[-1], []).append(stratum)
    return {rule: audit_rates(mine, _inside(judged, mine))["overall"] for rule, mine in sorted(rules.items())}


def _inside(judged: Sequence[Any], strata: Sequence[Stratum]) -> list[Any]:
    names = {stratum.name for stratum in strata}
    return [judgement for judgement in judged if judgement.stratum in names]
