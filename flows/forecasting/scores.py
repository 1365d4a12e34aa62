"""Scores of forecasts: forecast and actual quantities, as `runs show` and `plan --history` print them.

Reads stored forecasts only, so that showing one loads nothing that makes one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollmill.storage.run_records import Forecast

TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "units", "seconds", "kept", "solved")


def scores_of(row: Mapping[str, Any], actual: Mapping[str, float]) -> dict[str, Any]:
    """Every forecast quantity with its actual value, the number of intervals, and the number that covered it.

    Quantities of one run are not independent of each other.
    """
    from rollmill.stats import Prediction, score_prediction  # with numpy, which showing one does not need

    # A quantity that is not known of the run has no score.
    predictions = {name: Prediction(**values) for name, values in row["quantities"].items() if name in actual}
    scores = {name: asdict(score_prediction(values, actual[name])) for name, values in predictions.items()}
    inside = {name: sum(bool(score[name]) for score in scores.values()) for name in ("inside80", "inside95")}
    return {"quantities": scores, "n": len(scores), **inside}


def shown_forecast(scored: "Forecast") -> dict[str, Any]:
    """A scored forecast as JSON values, totals only: median, 95% interval, actual, error, whether it held."""
    score = scored.score or {"quantities": {}, "n": 0, "inside80": 0, "inside95": 0}
    rows = {
        name: {**scored.forecast["quantities"][name], **score["quantities"][name]}
        for name in TOTALS
        if name in score["quantities"]
    }
    coverage = {key: score[key] for key in ("n", "inside80", "inside95")}
    return {"id": scored.id, "source": scored.source, "evidence": scored.forecast["evidence"], "totals": rows, **coverage}


def history(forecasts: "Sequence[Forecast]") -> dict[str, Any]:
    """Each forecast in a row, and over the scored ones the coverage, error and interval score of every kind of quantity.

    Quantities of the levels are pooled by kind.
    """
    pooled: dict[str, list[dict[str, Any]]] = {}
    for scored in forecasts:
        for name, row in (scored.score or {"quantities": {}})["quantities"].items():
            pooled.setdefault(_kind(name), []).append(row)
    # Totals first and in their order; kinds by level differ between recipes.
    order = [*TOTALS, *sorted(pooled.keys() - set(TOTALS))]
    return {
        "forecasts": [_history_row(row) for row in forecasts],
        "quantities": [_quantity_row(name, pooled[name]) for name in order if name in pooled],
    }


def _kind(name: str) -> str:
    """`level.3.kept` is of the kind `kept by level`."""
    # From the right, since a level may hold a dot and the quantity's name does not.
    return f"{name.rsplit('.', 1)[1]} by level" if name.startswith("level.") else name


def _history_row(row: "Forecast") -> dict[str, Any]:
    tokens = (row.score or {"quantities": {}})["quantities"].get("tokens")
    return {
        "id": row.id,
        "recipe": row.name,
        "source": row.source,
        "made": row.made_at.isoformat(sep=" ", timespec="seconds"),
        "run": row.run,
        "error": None if tokens is None or tokens["error"] is None else f"{tokens['error']:+.1%}",
        "held": None if row.score is None else f"{row.score['inside95']} of {row.score['n']}",
    }


def _quantity_row(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    # An error is relative to the forecast, so a forecast of 0 has none.
    errors = [abs(row["error"]) for row in rows if row["error"] is not None]
    return {
        "quantity": name,
        "forecasts": len(rows),
        "inside80": sum(bool(row["inside80"]) for row in rows),
        "inside95": sum(bool(row["inside95"]) for row in rows),
        "mean_error": math.fsum(errors) / len(errors) if errors else None,
        # fsum, so that the mean does not depend on the order of the forecasts.
        "interval_score95": math.fsum(row["score95"] for row in rows) / len(rows),
    }
