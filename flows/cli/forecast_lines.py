"""A scored forecast beside what came, as lines of text: for the page of a finished run and for `runs show`. Pure text."""

from collections.abc import Mapping
from typing import Any

from storage.money import shown

NAMES = {
    "draws": "completions",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "tokens": "tokens",
    "units": "money",
    "seconds": "seconds",
    "solved": "problems solved",
    "kept": "kept",
}


def forecast_lines(found: Mapping[str, Any]) -> list[str]:
    """A scored forecast beside what came, for the page of a finished run."""
    lines = [f"  forecast {found['id']}, made before from {found['source']}: median [95% interval] and what came"]
    for name, row in found["totals"].items():
        error = "" if row["error"] is None else f"{row['error']:+.1%}"
        held = "held" if row["inside95"] else "MISSED"
        median, low, high, came = (number(name, row[key]) for key in ("median", "low95", "high95", "actual"))
        lines.append(f"    {NAMES[name]:<16} {median:>12} {f'[{low}, {high}]':<26} {came:>12}  {error:>7}  {held}")
    held = f"{found['inside95']} of {found['n']} 95% intervals held, {found['inside80']} of the 80% ones"
    return [*lines, f"    {held} (levels included)"]


def number(name: str, value: float) -> str:
    """A quantity for people."""
    return shown(round(value), None) if name == "units" else f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"
