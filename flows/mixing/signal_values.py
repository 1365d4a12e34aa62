"""Values of the signals of each source: quantiles of numbers, the commonest labels; to choose thresholds by."""

from typing import Any

from rollmill.flows.mixing.signals import StoredSignals
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.views import quoted, quoted_name

_NUMBERS = """
SELECT source, count(*) AS rows, count(*) - count({name}) AS missing, min({name}) AS least,
       quantile_cont({name}, 0.1) AS tenth, median({name}) AS median, quantile_cont({name}, 0.9) AS ninth,
       max({name}) AS most, NULL AS commonest
"""
_LABELS = """
SELECT source, count(*) AS rows, count(*) - count({name}) AS missing, NULL AS least, NULL AS tenth, NULL AS median,
       NULL AS ninth, NULL AS most, mode({name}) AS commonest
"""


def signal_rows(signals: StoredSignals) -> list[dict[str, Any]]:
    """A row for each signal of each source, over the rows that the source kept."""
    with closed([signals.path]) as connection:
        table = f"read_parquet({quoted(str(signals.path.absolute()))}, hive_partitioning=false)"
        kinds = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}  # noqa: S608
        rows: list[dict[str, Any]] = []
        for signal in signals.names():
            query = (_NUMBERS if kinds[signal] == "DOUBLE" else _LABELS).format(name=quoted_name(signal))
            values = connection.sql(f"{query} FROM {table} WHERE source_kept GROUP BY source ORDER BY source")
            rows += [{"signal": signal, **row} for row in values.to_arrow_table().to_pylist()]
    return rows
