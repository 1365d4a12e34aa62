"""Great Expectations over DuckDB: the library's SQL engine with a dialect of our own, which computes every metric in place.

The only module besides `expectations` that imports the library; it is imported on first use (it takes seconds). The context
is ephemeral: nothing is written, nothing is sent, analytics and progress bars are off.
"""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect

from rollmill.ground.errors import SetupError
from rollmill.pipelines.gate.late import late_modules
from rollmill.pipelines.gate.suite import GateMeasurements
from rollmill.pipelines.gate.tables import ROW_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

NAMED = 1_000  # rows against an expectation that a result names
_SHOWN = 20  # values against it that a result shows
_LONGEST = 200  # characters of such a value
_OF_ROWS = "unexpected_rows_expectation"
_TYPES = {"DOUBLE": sa.types.DOUBLE, "HUGEINT": sa.types.BIGINT, "UBIGINT": sa.types.BIGINT}


class _Compiler(PGCompiler):
    """SQL as DuckDB reads it: its `~` matches whole texts, Postgres's any part of one."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **options: Any) -> str:
        sides = f"{self.process(element.left, **options)}, {self.process(element.right, **options)}"
        known = {"~": f"regexp_matches({sides})", "!~": f"NOT regexp_matches({sides})"}
        return known.get(operator.opstring) or str(super().visit_custom_op_binary(element, operator, **options))  # type: ignore[no-untyped-call]

    def post_process_text(self, text: str) -> str:
        """The text as it is: parameters are question marks, so no percent sign is doubled."""
        return text


class DuckDBDialect(PGDialect):
    """SQLAlchemy's dialect of Postgres over a connection of DuckDB that its maker opened."""

    name, driver, default_paramstyle, supports_statement_cache = "duckdb", "duckdb", "qmark", True
    statement_compiler = _Compiler

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module of the connection."""
        import duckdb

        return duckdb

    def initialize(self, connection: Any) -> None:
        """Ask nothing: a connection of Postgres would be asked for its version."""

    def on_connect(self) -> None:
        """Set nothing."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """End nothing: expectations only read."""

    def has_table(self, connection: Any, table_name: str, *_: Any, **__: Any) -> bool:
        """True for a table or a view of this name."""
        query = "SELECT 1 FROM information_schema.tables WHERE table_name = ?"
        return connection.exec_driver_sql(query, (table_name,)).first() is not None

    def get_columns(self, connection: Any, table_name: str, *_: Any, **__: Any) -> Any:
        """Names and types of the columns of a table."""
        rows = connection.exec_driver_sql(f'DESCRIBE "{table_name}"').fetchall()
        return [
            {"name": name, "type": _TYPES.get(kind, getattr(sa.types, kind, sa.types.NullType))(), "nullable": True}
            for name, kind, *_ in rows
        ]

    def get_pk_constraint(self, *_: Any, **__: Any) -> Any:
        """No key: the gate's tables have none."""
        return {"constrained_columns": [], "name": None}


sa.dialects.registry.register("duckdb", __name__, "DuckDBDialect")


@contextmanager
def quiet() -> "Iterator[Any]":
    """The library, with its analytics, progress bars, warnings and chatter off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").propagate = False  # Prefect's root handler would show it
    with warnings.catch_warnings(), late_modules():
        warnings.simplefilter("ignore")  # of the library's own making; ours stay errors in tests
        import great_expectations as gx

        import rollmill.pipelines.gate.expectations  # noqa: F401 (registers ours)

        yield gx


def ephemeral(gx: Any) -> Any:
    """A context in memory, without the folder in /tmp that the library makes for pages."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = DataContextConfig(store_backend_defaults=stores, progress_bars=ProgressBarsConfig(globally=False))
    return gx.get_context(mode="ephemeral", project_config=config)


class Engine:
    """The library's SQL engine over one connection, in an ephemeral context."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        with quiet() as gx:
            from great_expectations.execution_engine import SqlAlchemyExecutionEngine

            self._context = ephemeral(gx)
            database = sa.create_engine("duckdb://", creator=lambda: connection, poolclass=sa.pool.StaticPool)
            self._engine = SqlAlchemyExecutionEngine(engine=database, create_temp_table=False)
            # The library looks here for types, and for the sort of the dialect.
            self._engine.dialect_module = SimpleNamespace(**{**vars(sa.types), "dialect": sa.dialects.postgresql.dialect})
            self.version = str(gx.__version__)
        self.name = f"great_expectations {self.version}"

    def run(self, suite: Sequence[Mapping[str, Any]], measured: GateMeasurements, first: int = 0) -> list[Any]:
        """The library's results in the order of the suite, each with its table as `batch_id`.

        `first`: the number of the first expectation. SetupError for parameters that an expectation refuses.
        """
        self._engine.measured = measured
        batches: dict[tuple[str, str], list[Any]] = {}
        with quiet() as gx:
            for order, entry in enumerate(suite, first):
                detail = "COMPLETE" if entry["type"] == _OF_ROWS else "SUMMARY"  # only that names its rows
                batches.setdefault((entry["table"], detail), []).append(expectation_of(gx, entry, order))
            results = [
                _trimmed(result)
                for (table, detail), expectations in batches.items()
                for result in self._results(gx, table, expectations, detail)
            ]
        return sorted(results, key=lambda result: result.expectation_config.meta["order"])

    def _results(self, gx: Any, table: str, expectations: Sequence[Any], detail: str) -> list[Any]:
        from great_expectations.core.batch import Batch
        from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
        from great_expectations.validator.validator import Validator

        data = SqlAlchemyBatchData(self._engine, table_name=table)
        batch: Any = type("TableBatch", (Batch,), {"id": table})(data=data)  # its own id would be a hash
        suite = gx.ExpectationSuite(name=table, expectations=list(expectations))
        validator = Validator(self._engine, batches=[batch], data_context=self._context)
        named = {"unexpected_index_column_names": [ROW_ID[table]], "partial_unexpected_count": NAMED}
        return list(validator.validate(suite, result_format={"result_format": detail, **named}).results)

    def result(self, results: Sequence[Any]) -> dict[str, Any]:
        """An ExpectationSuiteValidationResult of the results, as JSON."""
        with quiet():
            from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
            from great_expectations.validator.validation_statistics import calc_validation_statistics

            statistics = calc_validation_statistics(list(results))._asdict()
            success, meta = statistics.pop("success"), {"great_expectations_version": self.version}
            whole = ExpectationSuiteValidationResult(success, list(results), "gate", statistics=statistics, meta=meta)
            return dict(whole.to_json_dict())


def expectation_of(gx: Any, entry: Mapping[str, Any], order: int = 0) -> Any:
    """The expectation of an entry; SetupError for parameters that its class refuses."""
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    meta = {**entry.get("meta", {}), "order": order}
    options = {key: entry[key] for key in ("severity", "notes") if entry.get(key)}
    try:
        return ExpectationConfiguration(entry["type"], dict(entry["kwargs"]), meta, **options).to_domain_obj()
    except (ValidationError, gx.exceptions.GreatExpectationsError, TypeError) as error:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in getattr(error, "errors", list)())
        text = f"the gate's {entry['type']} on {entry['table']}: {wrong or error}."
        raise SetupError(text, next_command="correct the suite and run the same command again") from None


def _trimmed(result: Any) -> Any:
    """The result with the beginnings of long values, which may be texts of a model, and without a traceback."""
    for key, value in result.result.items():
        if isinstance(value, list):
            shown = value if value and isinstance(value[0], dict) else value[:_SHOWN]
            result.result[key] = [_short(item) for item in shown]
    for info in [result.exception_info, *(result.exception_info or {}).values()]:
        if isinstance(info, dict) and "exception_traceback" in info:
            info["exception_traceback"] = None
    return result


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return value[:_LONGEST] if isinstance(value, str) else value
