"""How right the forecasts of a workspace were, summed up. Knows scored forecasts as values."""

import math
from collections.abc import Sequence
from typing import Any

from flows.forecasting.forecasts import TOTALS
from storage.run_records import Forecast


def history(forecasts: Sequence[Forecast]) -> dict[str, Any]:
    """Each forecast in a row, and over the scored ones the coverage, error and interval score of every kind of quantity.

    The levels' quantities are pooled by what they are of.
    """
    pooled: dict[str, list[dict[str, Any]]] = {}
    for one in forecasts:
        for name, row in (one.score or {"quantities": {}})["quantities"].items():
            pooled.setdefault(_kind(name), []).append(row)
    order = [*TOTALS, *sorted(pooled.keys() - set(TOTALS))]
    return {
        "forecasts": [_row(one) for one in forecasts],
        "quantities": [_summed(name, pooled[name]) for name in order if name in pooled],
    }


def _kind(name: str) -> str:
    """`level.3.kept` is of the kind `kept by level`."""
    return f"{name.rsplit('.', 1)[1]} by level" if name.startswith("level.") else name


def _row(one: Forecast) -> dict[str, Any]:
    tokens = (one.score or {"quantities": {}})["quantities"].get("tokens")
    held = None if one.score is None else f"{one.score['inside95']} of {one.score['n']}"
    error = None if tokens is None or tokens["error"] is None else f"{tokens['error']:+.1%}"
    made = one.made_at.isoformat(sep=" ", timespec="seconds")
    return {
        "id": one.id,
        "recipe": one.name,
        "source": one.source,
        "made": made,
        "run": one.run,
        "error": error,
        "held": held,
    }


def _summed(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    errors = [abs(row["error"]) for row in rows if row["error"] is not None]
    return {
        "quantity": name,
        "forecasts": len(rows),
        "inside80": sum(bool(row["inside80"]) for row in rows),
        "inside95": sum(bool(row["inside95"]) for row in rows),
        "mean_error": math.fsum(errors) / len(errors) if errors else None,
        "interval_score95": math.fsum(row["score95"] for row in rows) / len(rows),
    }
