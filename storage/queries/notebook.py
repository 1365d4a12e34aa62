"""The notebook entry: a workspace as frames. Reads only, and imports neither Prefect nor any engine.

    ws = open_workspace("sums")
    ws.rollouts(dataset="arithmetic").df()

Every answer is a DuckDB relation: `.df()` makes it pandas, `.to_arrow_table()` Arrow, and `.filter()` narrows it.
"""

# ruff: noqa: S608 (the SQL is made of our own names)

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rollmill.ground.errors import SetupError, extras_named
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import Scope, dataset_scope, run_scope
from rollmill.storage.segments.keys import KINDS
from rollmill.storage.versions.content.prompts import COLUMN, SHOWN

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from rollmill.storage.queries.cost import By

_COLUMNS = f"""
    p.prompt, p.{COLUMN},
    p.reference, c.text, p.level, p.skill, p.template, p.source, p.kind, p.external_id, c.engine, c.model, c.sample_index,
    CAST(c.meta ->> '$.is_correct' AS BOOLEAN) AS label,
    c.finish_reason, c.tokens_in, c.tokens_out, c.logprob_sum, c.self_certainty, c.reasoning, c.messages
"""
_OF_SCOPE = f"""
    SELECT r.problem_id, r.completion_id, r.outcome, r.kept, r.reason, {_COLUMNS}, r.verifier, r.verifier_version
    FROM rollouts r JOIN (SELECT {SHOWN} FROM problems) p ON p.id = r.problem_id
    JOIN completions c ON c.id = r.completion_id
    ORDER BY r.problem_id, r.sample_index, r.completion_id
"""
# An imported completion names its problem; one drawn here belongs to every problem with its prompt.
_OF_WORKSPACE = f"""
    SELECT p.id AS problem_id, c.id AS completion_id, {_COLUMNS}, v.verdicts
    FROM completions c JOIN problems p ON p.prompt_id = c.prompt_id AND coalesce(c.meta ->> '$.problem_id', p.id) = p.id
    LEFT JOIN (
        SELECT completion_id, problem_id, map_from_entries(list((verifier || ' ' || version, outcome))) AS verdicts
        FROM verdicts GROUP BY ALL
    ) v ON v.completion_id = c.id AND v.problem_id = p.id
    ORDER BY p.id, c.sample_index, c.id
"""


def open_workspace(path: Path | str | None = None) -> "WorkspaceView":
    """Open a workspace for reading.

    Args:
        path: A folder of the workspace, or one below it; none: the current folder.

    Raises:
        SetupError: No workspace is at or above the folder.
    """
    return WorkspaceView(Reader.open(path))


class WorkspaceView:
    """A workspace in a notebook. Relations stay usable until it is closed; it may be closed by a with block."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._open: list[duckdb.DuckDBPyConnection] = []

    def problems(self) -> "duckdb.DuckDBPyRelation":
        """Every problem of the workspace: made here or imported."""
        return self.sql("SELECT * FROM problems ORDER BY id")

    @extras_named()
    def rollouts(self, *, run: str | None = None, dataset: str | None = None) -> "duckdb.DuckDBPyRelation":
        """The rollouts of a run or dataset version, with outcome and decision.

        Without either: every completion of the workspace with its problem, the label it came with and all verdicts on it.

        Args:
            run: A run's id or name.
            dataset: A dataset version, for example `arithmetic@v2`; without a number the newest.
        """
        if run is None and dataset is None:
            return self.sql(_OF_WORKSPACE)
        return self._keep(self._scope(run, dataset)).sql(
            _OF_SCOPE
        )  # a relation is read when it is used, so its connection stays open

    @extras_named()
    def pass_rates(self, by: str = "level", *, run: str | None = None, dataset: str | None = None) -> "pd.DataFrame":
        """Pass rates with 95% intervals, over the fixed prefix.

        Args:
            by: Column to group by: level, skill, template, source or model.
            run: A run's id or name; without run and dataset, the latest run.
            dataset: A dataset version.

        Returns:
            A row for each group. `models` counts the models that a rate pools, if none was fixed (imports).
        """
        import pandas as pd

        from rollmill.storage.queries.rates import models_of, pass_rates

        scope = self._scope(run or (None if dataset else self.reader.runs.chosen(None).id), dataset)
        pooled = {"models": len(models)} if by != "model" and len(models := models_of(scope)) > 1 else {}
        rows = [
            {
                by: rate.group,
                "pass_rate": rate.estimate.value if rate.estimate else None,
                "low": rate.estimate.low if rate.estimate else None,
                "high": rate.estimate.high if rate.estimate else None,
                "interval": rate.estimate.method if rate.estimate else None,
                "problems": rate.problems,
                "judged": rate.judged,
                "undecided": rate.undecided,
                "kept": rate.kept,
                **pooled,
            }
            for rate in pass_rates(scope, by)
        ]
        return pd.DataFrame(rows)

    @extras_named()
    def measure(
        self,
        metric: str,
        *,
        run: str | None = None,
        dataset: str | None = None,
        by: Sequence[str] = (),
        first: int | None = None,
        **options: Any,
    ) -> "pd.DataFrame":
        """A metric over the fixed prefix, for example `measure("pass@k", ks=[1, 8], by=["level"])`.

        Args:
            metric: Name of the metric (docs/reference/metrics.md).
            run: A run's id or name; without run and dataset, the latest run.
            dataset: A dataset version.
            by: Up to two of level, skill, template, source and `meta.KEY` of the problems, and of model and step.
            first: Only the first so many completions of each problem, where imports have unequal numbers.
            options: Options of the metric, those of `rollmill.metrics.Options`.

        Returns:
            Rows with value, 95% interval, n, clusters, estimand and method.

        Raises:
            SetupError: The rollouts cannot give the metric.
        """
        import pandas as pd

        from rollmill.metrics.registry import measure
        from rollmill.metrics.sample import Options
        from rollmill.storage.queries.pools import scope_pool, with_meta
        from rollmill.storage.queries.repairs import with_repairs

        scope = self._scope(run or (None if dataset else self.reader.runs.chosen(None).id), dataset)
        chosen, source = Options.of_mapping(options), scope_pool(scope)
        pool = with_meta(scope, with_repairs(source) if chosen.over == "trees" else source.pool, by)
        if first is not None:
            pool = pool.where(pool.index < first)
        rows = measure(pool, metric, chosen, by=by)
        return pd.DataFrame(
            [{key: value for key, value in row.row().items() if key != "group"} | row.group for row in rows]
        )

    @extras_named()
    def cost(self, run: str | None = None, by: "By" = "level") -> "pd.DataFrame":
        """Cost of a run by group: tokens, calls, engine seconds, money in units, rows kept.

        Args:
            run: A run's id or name; none: the latest.
            by: What to group by.
        """
        from rollmill.storage.queries.cost import cost_frame, run_cost

        return cost_frame(run_cost(self.reader, run or self.reader.runs.chosen(None).id).by(by))

    @extras_named()
    def sql(self, query: str) -> "duckdb.DuckDBPyRelation":
        """Any query over the views problems, completions, verdicts, outcomes, scores, decisions, plan and stops.

        A prompt is plain text, or JSON where `prompt_is_messages`; other nested values are JSON.
        """
        # A connection for each query: it has the segments that are registered now.
        connection = self.reader.connection(kind for kind in KINDS if kind != "problems")
        connection.execute(f"CREATE VIEW problems AS SELECT {SHOWN} FROM ({self.reader.rows('problems')})")
        self._open.append(connection)
        return connection.sql(query)

    def close(self) -> None:
        """Release everything; safe to call twice."""
        while self._open:
            self._open.pop().close()
        self.reader.close()

    def _scope(self, run: str | None, dataset: str | None) -> Scope:
        if run is not None and dataset is not None:
            raise SetupError("name a run or a dataset, not both.")
        return dataset_scope(self.reader, dataset) if dataset is not None else run_scope(self.reader, str(run))

    def _keep(self, scope: Scope) -> "duckdb.DuckDBPyConnection":
        connection = scope.open("rollouts", "problems", "completions")
        self._open.append(connection)
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
