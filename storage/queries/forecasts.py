"""The scored forecast of a run, for notebooks and the dashboard. Reads the ledger only."""

from typing import Any

import pandas as pd

from storage.queries.reader import Reader


def forecast_of(reader: Reader, run_id: str) -> pd.DataFrame | None:
    """A row per quantity: median, ends of the 95% interval, what came, whether it held; None without a forecast."""
    made = reader.forecast(run_id)
    if made is None or made.score is None:
        return None
    rows: list[dict[str, Any]] = []
    for name, score in made.score["quantities"].items():
        said = made.forecast["quantities"][name]
        row = {"quantity": name, **{key: said[key] for key in ("median", "low95", "high95")}}
        rows.append({**row, "actual": score["actual"], "held": score["inside95"]})
    return pd.DataFrame(rows)
