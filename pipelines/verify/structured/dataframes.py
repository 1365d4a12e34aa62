"""Frames as rows, and verdicts as columns of the same kind of frame: pandas, Arrow, DuckDB, and objects with Arrow data.

For `verify`: who brings a frame gets one back, in the same order, with the columns of COLUMNS behind its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Verdict

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "outcome",
    "rule",
    "cause",
    "value",
    "extracted",
    "normal_form",
    "reference_form",
    "verifier",
    "version",
    "seconds",
    "evidence",
)
"""Columns of a verdict in a frame: all but the ids, which a user's own rows do not have."""


class Frame(Protocol):
    """An input table: its rows by name, and the table with verdicts."""

    def rows(self) -> Iterator[Mapping[str, Any]]: ...

    def with_verdicts(self, verdicts: Sequence[Verdict]) -> Any: ...


class PandasFrame:
    """A pandas DataFrame; its index stays."""

    def __init__(self, frame: "pd.DataFrame") -> None:
        self._frame = frame
        self._names = _free([str(name) for name in frame.columns])

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """The rows by name of column; every kind of missing value is None."""
        # As objects: in a column of floats pandas turns None back into NaN.
        cells = (self._frame.iloc[:, place].astype(object) for place in range(len(self._names)))
        for values in zip(*(column.where(column.notna(), None) for column in cells), strict=True):
            yield dict(zip(self._names, values, strict=True))

    def with_verdicts(self, verdicts: Sequence[Verdict]) -> Any:
        """A new frame with the verdicts' columns."""
        import pandas as pd

        columns = pd.DataFrame(
            {name: [getattr(verdict, name) for verdict in verdicts] for name in COLUMNS},
            # concat aligns by index: under a fresh one, verdicts would land beside other rows.
            index=self._frame.index,
            columns=[*COLUMNS],
        )
        return pd.concat([self._frame, columns], axis=1)


class ArrowFrame:
    """An Arrow table, or an object that exports one (record batches, polars); returns an Arrow table."""

    def __init__(self, frame: Any) -> None:
        import pyarrow as pa

        self._table = pa.table(frame)
        self._names = _free(self._table.column_names)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """The rows by name of column, batch by batch."""
        for batch in self._table.to_batches(max_chunksize=10_000):
            yield from batch.to_pylist()

    def with_verdicts(self, verdicts: Sequence[Verdict]) -> Any:
        """The table with the verdicts' columns."""
        import pyarrow as pa

        numbers = {"value", "seconds"}
        table = self._table
        for name in COLUMNS:
            # Stated, because Arrow infers the type null from a column of None alone.
            kind = pa.float64() if name in numbers else pa.string()
            table = table.append_column(name, pa.array([getattr(verdict, name) for verdict in verdicts], kind))
        return table


class DuckFrame(ArrowFrame):
    """A DuckDB relation; returns one on DuckDB's default connection, since a relation does not expose its own."""

    def with_verdicts(self, verdicts: Sequence[Verdict]) -> Any:
        """A relation over the table with the verdicts' columns."""
        import duckdb

        return duckdb.from_arrow(super().with_verdicts(verdicts))


def frame_of(rows: Any) -> Frame | None:
    """The input frame; None for anything else. Told by its class, so that nothing is imported for it."""
    kind = f"{type(rows).__module__.partition('.')[0]}.{type(rows).__name__}"
    if kind == "pandas.DataFrame":
        return PandasFrame(rows)
    if kind in ("duckdb.DuckDBPyRelation", "_duckdb.DuckDBPyRelation"):
        return DuckFrame(rows)
    # A single column gives Arrow data too, but has no names.
    tabular = hasattr(rows, "__arrow_c_stream__") and kind not in ("pandas.Series", "pyarrow.ChunkedArray")
    return ArrowFrame(rows) if tabular or kind == "pyarrow.RecordBatch" else None


def _free(names: Sequence[str]) -> list[str]:
    """The names of a frame's columns, each there once and none that a verdict needs."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SetupError(f"the frame has more than one column {doubled[0]!r}.", next_command="rename or drop one of them")
    if present := [name for name in COLUMNS if name in names]:
        raise SetupError(
            f"the frame already has the column {', '.join(present)}, which verify adds.",
            next_command="rename it, or pass the columns of prompt, reference and answer only",
        )
    return list(names)
