"""What the verifiers of a run or a version said: by rule, against one another, and how long it took. Reads no text.

For the page of verifiers. How often they err is what people say: the rates of audits, whole and by the rule that decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.stats import Stratum, audit_rates
from storage.audits import Audit, Audits
from storage.queries.audits import judged_sample
from storage.queries.scope import Scope

Row = dict[str, Any]
SLOWEST, DIFFERING = 50, 200  # rows of the tables
_JUDGED = """
CREATE TEMP TABLE judged AS
SELECT v.completion_id, v.problem_id, v.verifier, v.version, coalesce(v.rule, '') AS rule, v.outcome, v.seconds
FROM (SELECT completion_id, problem_id, verifier, version, rule, outcome, seconds FROM verdicts) v
JOIN (SELECT completion_id, problem_id FROM outcomes) r USING (completion_id, problem_id)
"""
_RULES = """
SELECT verifier, version, rule, count(*), count(*) FILTER (outcome = 'correct'), count(*) FILTER (outcome = 'incorrect'),
       count(*) FILTER (outcome = 'unparsed'), count(*) FILTER (outcome = 'undecided'),
       sum(seconds), quantile_cont(seconds, 0.99), max(seconds)
FROM judged GROUP BY ALL ORDER BY verifier, version, count(*) DESC, rule
"""
_SLOWEST = """
SELECT verifier, version, rule, outcome, seconds, problem_id, completion_id FROM judged
WHERE seconds > 0 ORDER BY seconds DESC, completion_id LIMIT ?
"""
_PAIRS = """
CREATE TEMP TABLE pairs AS
SELECT a.completion_id, a.problem_id, a.verifier AS one, b.verifier AS other, a.outcome AS said, b.outcome AS other_said,
       a.rule AS rule, b.rule AS other_rule
FROM judged a JOIN judged b USING (completion_id, problem_id)
WHERE (a.verifier, a.version) < (b.verifier, b.version)
"""
_AGREEMENT = """
SELECT one, other, said, other_said, count(*), count(DISTINCT problem_id) FROM pairs GROUP BY ALL ORDER BY 1, 2, 3, 4
"""
_DIFFERING = """
SELECT one, other, said, other_said, rule, other_rule, count(*), min(problem_id), arg_min(completion_id, problem_id)
FROM pairs WHERE said <> other_said GROUP BY ALL ORDER BY 7 DESC, 1, 2, 3, 4, 5, 6 LIMIT ?
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
    """One verdict that took long."""

    verifier: str
    version: str
    rule: str
    outcome: str
    seconds: float
    problem_id: str
    completion_id: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many rollouts, of how many problems, two verifiers said this."""

    one: str
    other: str
    said: str
    other_said: str
    rollouts: int
    problems: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """On how many rollouts two verifiers differ by these rules; one of them as an example."""

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
    """Everything that the verdicts of one scope tell of its verifiers."""

    rules: tuple[RuleCount, ...]
    agreements: tuple[Agreement, ...]
    disagreements: tuple[Disagreement, ...]
    slowest: tuple[SlowVerdict, ...]


def verifier_account(scope: Scope) -> VerifierAccount:
    """The account of a run or a version, live while a run writes."""
    with scope.connection("rollouts", "outcomes", "verdicts") as connection:
        connection.execute(_JUDGED)
        connection.execute(_PAIRS)
        return VerifierAccount(
            tuple(RuleCount(*row) for row in connection.execute(_RULES).fetchall()),
            tuple(Agreement(*row) for row in connection.execute(_AGREEMENT).fetchall()),
            tuple(Disagreement(*row) for row in connection.execute(_DIFFERING, [DIFFERING]).fetchall()),
            tuple(SlowVerdict(*row) for row in connection.execute(_SLOWEST, [SLOWEST]).fetchall()),
        )


def rates_by_rule(audits: Audits, audit: Audit) -> dict[str, Row]:
    """The rates of an audit for the rollouts that each rule decided, `other` being the rare ones together.

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
