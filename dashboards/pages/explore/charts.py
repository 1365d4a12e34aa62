"""Charts of Explore: matching rollouts by group and outcome, problems by correct k of n, and a heat map of two groups.

A click on a bar or cell filters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.charts import BLUE, ORANGE, OUTCOME_COLOURS, AnyChart, chart_of_rows, count_axis
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.metrics import NOTHING
from rollmill.storage.queries.browse.crosstab import Crosstab, CrosstabCell
from rollmill.storage.queries.browse.explore import FacetCount, FacetValue, Rows

PICK = "picked"  # the name of the selection
MOST = 40  # bars of a chart
HEIGHT = 260
CELL = 40  # pixels of a row of the heat map
FEW = 10  # judged problems below which a cell of the heat map is weak: most differences are then within its interval
INSIDE = alt.RelativeBandSize(band=0.94)  # of a cell: the edges of neighbours must not cover one another
PALE = "#e4eff7"  # of a pass rate of 0; that of 1 is BLUE
PALE_GREY, DARK_GREY = "#eceef0", "#46515c"  # of no rollouts and of the most
Theme = Literal["light", "dark"]
INKS: Mapping[Theme, str] = {"light": "#5d6874", "dark": "#a3aeb9"}  # of what has no fill
TIPS = {
    "rate": "pass rate [95% interval]",
    "method": "interval",
    "judged": "problems judged (n)",
    "draws": "rollouts judged",
    "problems": "problems that match",
    "rollouts": "rollouts that match",
}


def outcome_chart(counts: Sequence[FacetCount], group: str) -> AnyChart:
    """A bar for each value of the group, divided by outcome."""
    shown = list(dict.fromkeys(row.group for row in counts))[:MOST]
    frame = pd.DataFrame(
        [
            {group: one_line(row.group, 40), "value": row.group, "outcome": row.outcome, "rollouts": row.rollouts}
            for row in counts
            if row.group in set(shown)
        ]
    )
    present = [name for name in OUTCOME_COLOURS if name in set(frame["outcome"])]
    scale = alt.Scale(domain=present, range=[OUTCOME_COLOURS[name] for name in present])
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X(f"{group}:N", sort=[one_line(name, 40) for name in shown], axis=_axis(group, len(shown))),
            y=alt.Y("rollouts:Q", title="rollouts", axis=count_axis(tickCount=4)),
            color=alt.Color("outcome:N", scale=scale, legend=alt.Legend(orient="top", title=None, columns=2)),
            order=alt.Order("outcome:O"),
            tooltip=[f"{group}:N", "outcome:N", alt.Tooltip("rollouts:Q", format=",")],
        )
        .add_params(alt.selection_point(PICK, fields=["value", "outcome"]))
        .properties(height=HEIGHT)
    )
    return chart


def correct_chart(values: Sequence[FacetValue], chosen: Sequence[str], rows: Rows) -> AnyChart:
    """A bar for each k of n; chosen ones are highlighted."""
    frame = pd.DataFrame(
        [
            {
                "correct of judged": value.value,
                rows: value.count,
                "strength": 1.0 if not chosen or value.value in chosen else 0.35,
            }
            for value in values[:MOST]
        ]
    )
    title = "correct of judged"  # of a problem; the long form does not fit on a narrow page
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X("correct of judged:N", sort=list(frame["correct of judged"]), title=title, axis=_axis("", len(frame))),
            y=alt.Y(f"{rows}:Q", axis=count_axis(tickCount=4)),
            opacity=alt.Opacity("strength:Q", scale=None),
            tooltip=["correct of judged:N", alt.Tooltip(f"{rows}:Q", format=",")],
        )
        .add_params(alt.selection_point(PICK, fields=["correct of judged"]))
        .properties(height=HEIGHT)
    )
    return chart


def heat_map(table: Crosstab, rows: str, columns: str, chosen: tuple[str, str] | None, theme: Theme) -> AnyChart:
    """A cell for each pair of values with its pass rate and n, else with its number of rollouts; the chosen one has an
    edge. A weak cell, with fewer than FEW judged problems, is not filled.
    """
    row_labels, column_labels = _labels(table.rows), _labels(table.columns)
    most = max((cell.rollouts for cell in table.cells), default=1)
    frame = pd.DataFrame(
        [
            {"row": cell.row, "column": cell.column, rows: row_labels[cell.row], columns: column_labels[cell.column]}
            | (_counted(cell, most) if table.no_rates else _rated(cell, INKS[theme]))
            | {"words": f"{rows} {row_labels[cell.row]}, {columns} {column_labels[cell.column]}"}
            | ({"edge": ORANGE, "wide": 4} if (cell.row, cell.column) == chosen else {"wide": 2})
            for cell in table.cells
        ]
    )
    base = alt.Chart(frame).encode(
        x=alt.X(f"{columns}:N", sort=list(column_labels.values()), axis=_axis(columns, len(column_labels))),
        y=alt.Y(f"{rows}:N", sort=list(row_labels.values()), axis=alt.Axis(labelLimit=160)),
        tooltip=[rows, columns, *(alt.Tooltip(f"{name}:N", title=TIPS[name]) for name in TIPS if name in frame)],
        description="words:N",
    )
    cells = base.mark_rect(cursor="pointer", width=INSIDE, height=INSIDE).encode(
        fill=alt.Fill("fill:N", scale=None),
        stroke=alt.Stroke("edge:N", scale=None),
        strokeWidth=alt.StrokeWidth("wide:Q", scale=None),
    )
    texts = base.mark_text(cursor="pointer").encode(color=alt.Color("ink:N", scale=None))
    layers = [cells.add_params(alt.selection_point(PICK, fields=["row", "column"]))]
    layers.append(texts.mark_text(cursor="pointer", fontSize=13, dy=0 if table.no_rates else -7).encode(text="value:N"))
    if not table.no_rates:
        layers.append(texts.mark_text(cursor="pointer", fontSize=10, dy=9).encode(text="n:N"))
    return chart_of_rows(alt.layer(*layers), len(row_labels), CELL)


def _rated(cell: CrosstabCell, ink: str) -> dict[str, Any]:
    """A cell with its pass rate, as the heat map draws it."""
    tips = {"problems": f"{cell.problems:,}", "rollouts": f"{cell.rollouts:,}"}
    estimate = None if cell.rate is None else cell.rate.estimate
    if cell.rate is None or estimate is None:
        empty = {"value": "–", "n": "n 0", "fill": None, "edge": ink, "ink": ink}
        return {**empty, **tips, "rate": NOTHING, "method": "", "judged": "0", "draws": "0"}
    colour = _between(PALE, BLUE, estimate.value)
    weak = {"fill": None, "edge": colour, "ink": ink}
    strong = {"fill": colour, "edge": None, "ink": _ink_on(colour)}
    return {
        "value": f"{estimate.value:.2f}",
        "n": f"n {estimate.n:,}",
        **(weak if estimate.n < FEW else strong),
        **tips,
        "rate": with_interval(estimate.value, estimate.low, estimate.high),
        "method": estimate.method,
        "judged": f"{estimate.n:,}",
        "draws": f"{cell.rate.judged:,}",
    }


def _counted(cell: CrosstabCell, most: int) -> dict[str, Any]:
    """A cell with its number of rollouts, as the heat map draws it."""
    colour = _between(PALE_GREY, DARK_GREY, cell.rollouts / most)
    return {
        "value": f"{cell.rollouts:,}",
        "fill": colour,
        "edge": None,
        "ink": _ink_on(colour),
        "problems": f"{cell.problems:,}",
        "rollouts": f"{cell.rollouts:,}",
    }


def _between(least: str, most: str, share: float) -> str:
    """The colour at this share of the way between two."""
    ends = [[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (least, most)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in zip(*ends, strict=True))


def _ink_on(colour: str) -> str:
    """The colour of text on this one: dark or white, whichever differs more (WCAG 2.2, relative luminance)."""
    red, green, blue = ((int(colour[place : place + 2], 16) / 255) ** 2.2 for place in (1, 3, 5))
    return "#101820" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "#ffffff"


def _labels(values: Sequence[str]) -> dict[str, str]:
    """A short label for each value, no two the same."""
    labels: dict[str, str] = {}
    for value in values:
        label = one_line(value, 40)
        labels[value] = label if label not in labels.values() else f"{label} ({len(labels) + 1})"
    return labels


def _axis(group: str, bars: int) -> alt.Axis:
    """Axis of groups: short names are upright, others at an angle; of many, only the labels that fit."""
    upright = group == "level" or (not group and bars <= 9)
    return alt.Axis(labelAngle=0 if upright else -40, labelOverlap=upright or bars > 20)
