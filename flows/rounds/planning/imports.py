"""Imported completions that a run plans: those of its problems, in the imports that its recipe names."""

import numpy as np
import pyarrow as pa

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.ground.records import PlanRow
from rollmill.storage.imports.stored import imported_rows
from rollmill.storage.segments.rows import Rows, packed
from rollmill.storage.segments.schema import CHUNK, SCHEMAS


def rows_of_imports(run: OpenRun) -> pa.Table:
    """The rows of `imported_rows` that the run takes; its identity and its plan are made of the same ones."""
    spec, memory = run.spec, run.memory
    if memory.imported is None:
        memory.imported = imported_rows(run.workspace, spec.imports, spec.problems, spec.left_out)
    rows: pa.Table = memory.imported
    return rows


def plan_of_imports(run: OpenRun) -> Rows[PlanRow]:
    """Every imported completion of the run's problems, once, as the plan of round 0."""
    # By index and id, so that the order in which rollouts were imported changes no row.
    rows, root, schema = rows_of_imports(run), run.spec.roots[0], SCHEMAS["plan"]
    run.memory.imported = None  # as many bytes as the plan itself
    ordinals = np.arange(rows.num_rows)
    same = {"run": run.id, "round": 0, "step": root.name or None}
    made = {name: pa.repeat(pa.scalar(value, schema.field(name).type), rows.num_rows) for name, value in same.items()}
    made |= {"ordinal": pa.array(ordinals), "batch": pa.array(ordinals // root.batch_size)}
    nulls = {name: pa.nulls(rows.num_rows, schema.field(name).type) for name in ("after", "sent")}
    columns = {**{name: rows[name] for name in rows.column_names}, **made, **nulls}
    plan = pa.table([columns[name] for name in schema.names], schema=schema)
    return Rows.joined("plan", [packed("plan", plan.slice(start, CHUNK)) for start in range(0, len(plan), CHUNK)])
