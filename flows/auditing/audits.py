"""Audits of a verifier on a run: drawing random rollouts for people to judge, and the report of their judgements.

Drawing is a pure function of the run's verdicts, the size and the seed; asking for more extends.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import JUDGED
from rollmill.metrics import Counts, CountsByProblem, pass_rate
from rollmill.pipelines.certify.audit_sample import SampledRow, describe, draw, draw_simple, strata_of
from rollmill.stats import beta_quantile, cluster_sums, fit_prior
from rollmill.storage.audits import Audit, AuditItem, audit_id
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.audited import CHAIN, AuditedRow, audited_as, audited_rows
from rollmill.storage.queries.judge.audits import rates_of_audit

if TYPE_CHECKING:
    from rollmill.storage.queries.scope import Scope
    from rollmill.storage.runs import Run

RATE_POINTS = 200  # points that stand for the distribution of pass rates


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """Request of an audit: a verifier, a run (None: the newest that used it), the number of rollouts, and the seed.

    `simple`: every rollout has the same chance of being drawn, as certificates need.
    """

    verifier: str
    run: str | None = None
    n: int = 300
    seed: int = 1
    simple: bool = False


def natural_audit(reader: Reader, request: AuditRequest, *, dry_run: bool = False) -> Audit:
    """Draw the audit, or find it drawn; one that is larger already stays. SetupError if nothing can be drawn."""
    if request.n < 1:
        raise SetupError(f"an audit of {request.n} rollouts measures nothing.", next_command="--n 300")
    run = run_of(reader, request)
    name, version = audited_as(run, request.verifier)
    identity = audit_id("natural", run.id, name, version, request.seed, simple=request.simple)
    before = next((audit for audit in reader.audits.list(name, version, run.id) if audit.id == identity), None)
    # An audit of this size is the beginning of the larger one, and its judgements are in it.
    if before is not None and before.design["n"] >= request.n:
        return before
    scope = run_scope(reader, run.id)
    rows, design = population(scope, name, version)
    if not rows:
        raise SetupError(f"{name} {version} judged no rollout of {run.id}.", next_command=f"rollmill runs show {run.id}")
    strata = strata_of(rows)
    described = [asdict(stratum) for stratum in describe(strata)]
    # A sample is extended within its strata; under others its probabilities would be wrong.
    simple = " --simple" if request.simple else ""
    if before is not None and before.design["strata"] != described:
        raise SetupError(
            f"{run.id} has other verdicts or decisions than when {before.id} was drawn, so it cannot be extended.",
            next_command=f"rollmill audit verifier {request.verifier} --run {run.id} --seed {request.seed + 1}{simple}",
        )
    # The whole sample again: the rows of the smaller one come first, with the probabilities of this size.
    items = (draw_simple if request.simple else draw)(strata, request.n, request.seed)
    full = {"run": run.id, "seed": request.seed, "n": len(items), "strata": described, **design}
    full |= {"simple": True} if request.simple else {}
    full["clusters"] = _of_drawn(design["clusters"], {item.row.problem_id for item in items})
    audit = Audit(identity, name, version, "natural", run.id, full)
    if dry_run:
        return audit
    stored = [
        AuditItem(
            item.ordinal,
            item.row.completion_id,
            item.row.problem_id,
            item.stratum,
            item.probability,
            item.row.weight,
            item.row.outcome,
        )
        for item in items
    ]
    reader.audits.save(audit, stored)
    return reader.audits.get(identity)


def refreshed_rates(reader: Reader, audit: Audit) -> dict[str, Any]:
    """The report of an audit from the judgements there are now, kept in the ledger."""
    audit = with_clusters(reader, audit)
    report = rates_of_audit(reader.audits, audit)
    if report != audit.report:
        reader.audits.record(audit.id, report)
    return report


def with_clusters(reader: Reader, audit: Audit) -> Audit:
    """An audit that was drawn before clusters were kept, with those that the run's rollouts have still."""
    if audit.kind != "natural" or "clusters" in audit.design:
        return audit
    rows, design = population(run_scope(reader, audit.source), audit.verifier, audit.version)
    if [asdict(stratum) for stratum in describe(strata_of(rows))] != audit.design["strata"]:
        return audit  # other verdicts or decisions by now: its clusters would not be those of its strata
    items = reader.audits.items(audit.id)
    clusters = _of_drawn(design["clusters"], {item.problem_id for item in items})
    return reader.audits.save(replace(audit, design={**audit.design, "clusters": clusters}), items)


def run_of(reader: Reader, request: AuditRequest) -> "Run":
    """The named run, or the newest finished one whose chain has this verifier."""
    if request.run is not None:
        return reader.runs.get(request.run)
    every = [run for run in reader.runs.list() if run.status == "done" and not run.is_pilot]
    names = [[name for name, _ in run.verifiers] for run in every]
    for run, mine in zip(every, names, strict=True):
        if request.verifier in (*mine, CHAIN):
            return run
    if not every:
        raise SetupError("no finished run to audit.", next_command="rollmill curate RECIPE")
    raise unknown_name("verifier of a finished run", request.verifier, {name for mine in names for name in mine} | {CHAIN})


def population(scope: "Scope", name: str, version: str) -> tuple[list[SampledRow], dict[str, Any]]:
    """The rollouts that may be drawn, and the facts about all of them that the design records."""
    audited = audited_rows(scope, name, version)
    judged = [row for row in audited if row.outcome in JUDGED]
    prefix = [row for row in judged if scope.is_measured(row.sample_index, row.step)]
    every, counts = _counts(judged), _counts(prefix)
    # Bands from all judged rollouts, weights from the fixed prefix alone, on which the rate rests.
    band = dict(zip(every.groups["problem"], every.bands(), strict=True))
    size, measured = dict(zip(counts.groups["problem"], counts.judged.tolist(), strict=True)), {id(row) for row in prefix}
    rows = [
        SampledRow(
            completion_id=row.completion_id,
            problem_id=row.problem_id,
            outcome=row.outcome,
            rule=row.rule,
            band=str(band[row.problem_id]),
            kept=bool(row.kept),
            # Problems weigh the same, and so do the rollouts of one problem.
            weight=1.0 / (len(size) * size[row.problem_id]) if id(row) in measured else 0.0,
        )
        for row in judged
    ]
    outcomes = Counter(row.outcome for row in audited)
    design = {
        "population": len(rows),
        "undecided": len(audited) - len(judged),
        "outcomes": dict(sorted(outcomes.items())),
        "prefix": scope.prefix,
        **_raw_rate(counts),
        "kinds": _spread_of_rates(counts),
    }
    return rows, design


def _counts(rows: Iterable[AuditedRow]) -> Counts:
    """The counts of each problem, by problem id."""
    counter = CountsByProblem()
    # Sorted, as the counts are in the order of the first rollout of each problem.
    for row in sorted(rows, key=lambda row: row.problem_id):
        counter.add(row.problem_id, row.template, row.outcome)
    return counter.counts()


def _raw_rate(prefix: Counts) -> dict[str, Any]:
    """The verifier's own mean over problems with its interval for the population of templates, and its outcome of each
    problem.

    `clusters`: the sum of the problems' rates and their number by template, and of each problem the place of its template.
    """
    raw, names = pass_rate(prefix).estimate, prefix.clusters
    problems = prefix.groups["problem"]
    # A tuple, so that no template can have the key of a problem.
    keys = [name if name is not None else (problem,) for problem, name in zip(problems, names, strict=True)]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    place = {problem: places[key] for problem, key in zip(problems, keys, strict=True)}
    sums = cluster_sums(prefix.rates(), names)
    return {"raw": None if raw is None else asdict(raw), "clusters": {"sums": sums, "place": place}}


def _of_drawn(clusters: dict[str, Any], problems: set[str]) -> dict[str, Any]:
    place = {problem: clusters["place"][problem] for problem in sorted(problems) if problem in clusters["place"]}
    return {"sums": [list(sums) for sums in clusters["sums"]], "place": place}


def _spread_of_rates(prefix: Counts) -> list[tuple[float, float]]:
    """Distribution of pass rates over the problems under the verifier: a beta fitted to the prefix counts.

    The raw counts would be too extreme: 0 of 8 does not mean that a problem is never solved.
    """
    if not len(prefix):
        return []
    prior = fit_prior(prefix.correct.tolist(), prefix.judged.tolist())
    # Midpoints of equal parts: no point at a rate of exactly 0 or 1.
    return [(1.0 / RATE_POINTS, beta_quantile((i + 0.5) / RATE_POINTS, prior.a, prior.b)) for i in range(RATE_POINTS)]
