"""Forecast of a run beside its form: the forecast from what is stored, or the pilot that would tell it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.pages.start.takes import Takes
from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.asked import CommandResult
from rollmill.ground.money import shown

QUANTITIES = {
    "draws": "Completions",
    "tokens": "Tokens",
    "seconds": "Time",
    "units": "Money",
    "solved": "Problems solved",
    "kept": "Rows kept",
}
HEADLINE = ("tokens", "seconds", "units", "kept")
SIMULATIONS = 40  # of a forecast that is renewed at every change; `plan` itself makes 100
MINUTE, HOUR = 60, 3600


def show_forecast(answer: CommandResult) -> None:
    """Draw the answer of `plan --no-pilot --dry-run`."""
    row = answer.row
    if not isinstance(row, Mapping):
        st.caption("Nothing is forecast.")
        st.code(visible(answer.sentence), language=None, wrap_lines=True)
    elif row["done"] is not None:
        st.success("The run of this recipe is done: nothing would be drawn.", icon=":material/check:")
        link("Runs", f"Run {inert(row['done'])}", icon=":material/play_circle:", run=row["done"])
    elif row["forecast"] is not None:
        _quantities(row["forecast"])
    else:
        st.info("Nothing that is stored tells what this run takes: no past run on other problems, and no pilot.")


def show_cells(answer: CommandResult) -> None:
    """Draw the answer of `evaluate --dry-run`: the cells, and the most that each may draw."""
    if not isinstance(answer.row, Mapping):
        return
    cells = answer.row["cells"]
    left = [cell for cell in cells if cell["done"] is None]
    completions = sum(cell["problems"] * cell["samples"] for cell in left)
    most = sum(cell["problems"] * cell["samples"] * cell["max_tokens"] for cell in left)
    with st.container(horizontal=True):
        st.metric("Cells to draw", f"{len(left):,} of {len(cells):,}", width="content")
        st.metric("Completions", f"{completions:,}", width="content", help="Stored ones are not drawn again.")
        st.metric("Tokens out, at most", f"{most:,}", width="content")
    table = {
        "benchmark": [one_line(cell["benchmark"]) for cell in cells],
        "model": [one_line(cell["model"]) for cell in cells],
        "problems": [cell["problems"] for cell in cells],
        "each": [cell["samples"] for cell in cells],
        "state": ["done" if cell["done"] else "to draw" for cell in cells],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch", placeholder="")


def _quantities(forecast: Mapping[str, Any]) -> None:
    quantities, currency = forecast["quantities"], forecast["currency"]
    names = [name for name in QUANTITIES if name in quantities]
    labels = {**QUANTITIES, "units": f"Money, {currency}"}
    with st.container(horizontal=True):
        for name in HEADLINE:
            if name in quantities:
                st.metric(labels[name], _of(quantities, name, "median"), width="content")
    table = {"": [labels[name] for name in names], "median": [_of(quantities, name, "median") for name in names]}
    for level in (80, 95):
        table[f"{level}% interval"] = [
            f"{_of(quantities, name, f'low{level}')} – {_of(quantities, name, f'high{level}')}" for name in names
        ]
    st.table(pd.DataFrame(table).set_index(""))
    st.caption(_evidence(forecast))


def _evidence(forecast: Mapping[str, Any]) -> str:
    """Evidence of a forecast, and the parts that it leaves out."""
    evidence = forecast["evidence"]
    runs = ", ".join(inert(run, 60) for run in evidence["runs"][:3])
    parts = [
        f"From {inert(evidence['source'])} ({runs}): {evidence['samples']:,} completions on {evidence['problems']:,} "
        f"problems; {forecast['simulations']} simulated runs."
    ]
    if "units" not in forecast["quantities"]:
        parts.append("No money: the profile names no prices.")
    if "seconds" in forecast["quantities"]:
        parts.append("Time is at the speed of that evidence.")
    silent: Mapping[str, str] = forecast.get("silent") or {}
    parts += [f"Not forecast: {inert(QUANTITIES.get(name, name))}, as {inert(why)}." for name, why in silent.items()]
    return " ".join(parts)


def price(answer: CommandResult | None) -> str:
    """Cost of the run in a sentence, for the person who confirms its start."""
    row = answer.row if answer is not None else None
    forecast = row.get("forecast") if isinstance(row, Mapping) else None
    if isinstance(row, Mapping) and row.get("done") is not None:
        return "Its run is done: nothing would be drawn."
    if not isinstance(forecast, Mapping):
        return "What it takes is not known."
    quantities, currency = forecast["quantities"], forecast["currency"]

    def span(name: str, unit: str = "") -> str:
        median, low, high = (_of(quantities, name, key) for key in ("median", "low95", "high95"))
        return f"{median}{unit} ({low} to {high})"

    parts = [span("tokens", " tokens"), *([span("seconds")] if "seconds" in quantities else [])]
    parts += [span("units", f" {currency}")] if "units" in quantities else []
    unpriced = "" if "units" in quantities else " No price is known."
    return f"It takes about {', '.join(parts)}, with 95% intervals.{unpriced}"


def _of(quantities: Mapping[str, Any], name: str, key: str) -> str:
    """A quantity for people, money without its currency."""
    value = quantities[name][key]
    if name == "units":
        return shown(round(value), None)
    return duration(value) if name == "seconds" else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time for people, in its two largest units."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    large, small, names = (HOUR, MINUTE, ("h", "min")) if whole >= HOUR else (MINUTE, 1, ("min", "s"))
    return f"{whole // large} {names[0]} {whole % large // small} {names[1]}"


def pilot_size(answer: CommandResult | None) -> int | None:
    """Completions of the pilot that would be drawn; None where a forecast is there, or where none can be."""
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping) or row.get("forecast") is not None or row.get("done") is not None:
        return None
    size: int | None = row.get("pilot_completions")
    return size


def recipe_hashes(answers: Sequence[CommandResult | None]) -> list[str]:
    """Hashes of the recipe, or of the cells of an evaluation, as these answers name them."""
    rows = [answer.row for answer in answers if answer is not None and isinstance(answer.row, Mapping)]
    every = [part for row in rows for part in (row, *row.get("cells", ()))]
    return sorted({str(part["recipe_hash"]) for part in every if part.get("recipe_hash")})


def price_known(answer: CommandResult | None) -> bool:
    """True if there is a forecast to keep."""
    return answer is not None and isinstance(answer.row, Mapping) and answer.row.get("forecast") is not None


CELLS = Takes(show_cells)
