"""The rows of a run as the tables of a dataset version, and its manifest. Reads the workspace, decides nothing.

Nothing in the manifest depends on when, where or how often the run was interrupted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rollmill.flows.curation.metrics import cost_row, funnel_row, model_rates, rates, stopped_rates
from rollmill.flows.curation.step_report import fingerprint_of, steps_of
from rollmill.flows.recipe.user_files import files_of, packages_of
from rollmill.flows.rounds.plan_rows import answers_of, of_steps, prompts_of, together
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.ground.pool import pool_of
from rollmill.ground.records import Decision, PlanRow, ThreadRow
from rollmill.metrics import PassAtLimit, decision_counts
from rollmill.pipelines.select.of_steps import behind_steps
from rollmill.pipelines.verify.acceptance import asks
from rollmill.roles.protocols import CertifiedSelector
from rollmill.storage.segments.rows import Rows
from rollmill.storage.segments.schema import SCHEMAS, to_table
from rollmill.storage.segments.table_file import PART, TableFile

if TYPE_CHECKING:
    import duckdb

    from rollmill.flows.rounds import DecisionReport, OpenRun
    from rollmill.storage.queries.judge.audits import KnownRates
    from rollmill.storage.versions.content.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DecidedRun:
    """A run whose rounds are done: its decisions, and what would be published of them."""

    run: "OpenRun"
    report: "DecisionReport"
    snapshot: "Snapshot"


# The verdicts that belong to the run: the tables `wanted` (pairs of its judged steps) and `chain` are registered beside the
# views. Those that the policies did not ask for, stored for another run, are left out: a version must not depend on others.
_VERDICTS = (
    "SELECT v.* FROM verdicts v SEMI JOIN wanted w ON v.completion_id = w.completion_id "
    "AND v.problem_id = w.problem_id JOIN chain c ON v.verifier = c.name AND v.version = c.version "
    "QUALIFY c.asked OR (c.lazy AND count(*) FILTER (v.outcome <> 'undecided') OVER (PARTITION BY v.completion_id, "
    "v.problem_id ORDER BY c.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) = 0) "
    "ORDER BY completion_id, problem_id, verifier, version"
)
_SORT_MEMORY = "256MB"  # more verdicts are sorted on disk


def decided_run(run: "OpenRun") -> DecidedRun:
    """Every decision of the run, committed, and its snapshot; all rounds must have been run."""
    from rollmill.flows.rounds import decide

    report = decide(run)
    run.workspace.segments.close()  # nothing is looked up any more: what finds rows takes 20 bytes for each
    bare = _tables(run, report, together(all_plans(run)))
    return DecidedRun(run, report, replace(bare, manifest=_manifest(run, report, bare)))


def _tables(run: "OpenRun", report: "DecisionReport", plan: Rows[PlanRow]) -> "Snapshot":
    from rollmill.storage.versions.content.snapshot import Snapshot

    connection = run.workspace.segments.connect()
    try:
        completions = _completions(connection, plan)
        connection.register("wanted", _pairs(answers_of(run.spec, plan)))
        connection.register("chain", _parts(run))
        verdicts = _verdicts(connection)
    finally:
        connection.close()
    prompts, sent = prompts_of(run.workspace.runs.prompts(run.id), plan)
    return Snapshot(
        run.loaded.recipe.dataset,
        problems=to_table("problems", run.spec.problems),
        completions=completions,
        verdicts=verdicts,
        scores=to_table("scores", report.scores),
        decisions=TableFile("decisions", decisions_in_key_order(Rows.of("decisions", report.decisions))),
        threads=_threads(run, plan),
        prompts=prompts,
        sent=sent,
    )


def _threads(run: "OpenRun", plan: Rows[PlanRow]) -> pa.Table:
    """Follow-ups with the completions that they follow, and unjudged first steps; no rows if no step follows another."""
    graph = run.spec.graph
    follow = of_steps(plan, [node.step.name for node in graph.nodes.values() if node.named or node.step.role != "answer"])
    return to_table(
        "threads",
        (
            ThreadRow(row.problem_id, row.completion_id, row.step, graph.nodes[row.step].step.role, row.after)
            for row in follow
        ),
    )


def decisions_in_key_order(decided: Rows[Decision]) -> Iterator[pa.Table]:
    """Sorted by problem and completion, whole problems at a time: they come by problem, each in the order of its plan."""
    from rollmill.storage.versions.content.snapshot import sorted_by_key

    rest = SCHEMAS["decisions"].empty_table()
    for part in decided.plain_parts():
        rows = pa.concat_tables([rest, part])
        ended = pc.index(rows["problem_id"], rows["problem_id"][-1]).as_py()  # the last problem may go on
        yield sorted_by_key("decisions", rows.slice(0, ended))
        rest = rows.slice(ended)
    yield sorted_by_key("decisions", rest)


def _completions(connection: "duckdb.DuckDBPyConnection", plan: Rows[PlanRow]) -> TableFile:
    """In key order, on disk: their texts are most of a run."""
    from rollmill.storage.segments.ordered import tables_in_order

    ids = pa.chunked_array([plan.column("completion_id").unique().sort()])
    return TableFile("completions", tables_in_order(connection, "SELECT * FROM completions", ids))


def _verdicts(connection: "duckdb.DuckDBPyConnection") -> TableFile:
    """In key order, on disk: their evidence may be as long as a text."""
    connection.execute(f"SET memory_limit = '{_SORT_MEMORY}'")
    reader = connection.sql(_VERDICTS).to_arrow_reader(PART)
    return TableFile("verdicts", (pa.Table.from_batches([batch]) for batch in reader))


def _pairs(plan: Rows[PlanRow]) -> pa.Table:
    return pa.table({name: plan.column(name) for name in ("completion_id", "problem_id")})


def _parts(run: "OpenRun") -> pa.Table:
    """The verifiers in order; `asked`: a policy asks it of every row, `lazy`: a policy asks it if all before were
    undecided.
    """
    policies = run.spec.policies()
    eager = [policy for policy in policies if not policy.lazy]
    names, versions = zip(*run.verifiers.chain, strict=True)
    return pa.table(
        {
            "name": pa.array(names, pa.string()),
            "version": pa.array(versions, pa.string()),
            "place": pa.array(range(len(names)), pa.int64()),
            "asked": pa.array([any(asks(policy, name, ()) for policy in eager) for name in names], pa.bool_()),
            "lazy": pa.array([any(policy.lazy for policy in policies)] * len(names), pa.bool_()),
        }
    )


def _manifest(run: "OpenRun", report: "DecisionReport", bare: "Snapshot") -> dict[str, Any]:
    from rollmill.pipelines.certify.tables.measured import measured
    from rollmill.storage.queries.judge.audits import false_accept_bound

    spec, loaded = run.spec, run.loaded
    runs = run.workspace.runs
    rounds = sum(map(bool, all_plans(run)))
    known = known_error_rates(run, report)
    limit = PassAtLimit(false_accept_bound(known))
    pool = pool_of(bare.problems, bare.completions, bare.decisions)
    counts = decision_counts(pool)
    first = spec.steps[0].name or None
    by_model = model_rates(pool, limit, first) if spec.prefix is None else {}
    recipe = loaded.canonical()
    files, packages = files_of(recipe, loaded.base), packages_of(recipe)
    return {
        "recipe": recipe,
        **({"user_files": files} if files else {}),
        **({"user_packages": packages} if packages else {}),
        "recipe_hash": loaded.recipe_hash,
        "run": run.id,
        "seed": loaded.recipe.seed,
        "model_digest": None if spec.takes_imports else run.engine().model_digest,
        "fingerprint": fingerprint_of(run),
        "verifiers": [{"name": name, "version": version} for name, version in run.verifiers.chain],
        "policy": {"name": spec.accept.name, "version": spec.accept.version},
        "selector": {"name": spec.selector.name, "version": spec.selector.version},
        **_certificate(run),
        "budget": {"name": spec.budget.name, "version": spec.budget.version},
        "funnel": funnel_row(pool, bare, run.spec.problem_set, stops=runs.stops(run.id), rounds=rounds),
        "metrics": rates(pool, prefix=spec.prefix, limit=limit, step=first) | stopped_rates(pool, spec) | by_model,
        **steps_of(run, pool, bare.decisions, limit),
        "cost": cost_row(bare, counts["kept"]),
        "counts": counts,
        **({} if run.imported is None else {"imports": run.imported.rows()}),
        "verifier_rates": [{**part.row(), "measured": measured(part.verifier, part.version)} for part in known],
    }


def _certificate(run: "OpenRun") -> dict[str, Any]:
    """The certificate of the kept rows; nothing for selectors without one."""
    selector = behind_steps(run.spec.selector)
    return {"certificate": dict(selector.certificate)} if isinstance(selector, CertifiedSelector) else {}


def known_error_rates(run: "OpenRun", report: "DecisionReport") -> "list[KnownRates]":
    """Error rates from audits in the ledger: of this run's verifiers in their versions, and of the whole chain."""
    from rollmill.storage.queries.judge.audited import CHAIN, KeptSet, chain_version, kept_set
    from rollmill.storage.queries.judge.audits import known_rates

    parts = list(run.verifiers.chain)
    whole = (CHAIN, chain_version(parts, run.loaded.canonical().get("accept")))

    def kept() -> KeptSet:
        return kept_set((d.problem_id, d.completion_id, d.outcome, d.kept) for d in report.decisions)

    known = known_rates(run.workspace.audits, [*parts, whole], run.id, kept)
    return [part for part in known if part.verifier != CHAIN or part.report is not None or len(parts) > 1]
