"""Charts of a dataset's versions: kept rows, pass rates, the gate's numbers with their limits, and the drift from version
to version.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.charts import BLUE, GREY, ORANGE, PURPLE, RED, SKY, AnyChart, number_tips, rate_rows
from rollmill.dashboards.units import moment

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep

SMALL = 200  # pixels of a chart in a column of charts, with its title and labels
NAMED = 3  # changes listed by name
LABELLED = 16  # versions up to which edges and tags have room for a label
STATES = {"published": BLUE, "tagged": PURPLE, "yanked": RED}
SHAPES = {"published": "circle", "tagged": "diamond", "yanked": "cross"}
_EDGE = 44  # pixels for the labels of a y axis: charts below one another then share their x axis


def _versions(steps: Sequence["VersionStep"], column: str = "version") -> alt.X:
    """The versions from left to right."""
    numbers = [step.info.number for step in steps]
    every = -(-(max(numbers) - min(numbers) + 1) // 25)
    axis = alt.Axis(
        values=list(range(min(numbers), max(numbers) + 1, every)), labelExpr="'v' + datum.value", grid=False, labelAngle=0
    )
    scale = alt.Scale(domain=[min(numbers) - 0.5, max(numbers) + 0.5], nice=False)
    return alt.X(f"{column}:Q", title=None, axis=axis, scale=scale)  # the labels say v1, v2


def graph_chart(steps: Sequence["VersionStep"]) -> AnyChart:
    """The versions by kept rows, each joined by a line to its parent; the changes are in the tooltip."""
    nodes = pd.DataFrame([_node(step) for step in steps])
    edges = pd.DataFrame(
        [
            {**_edge(step), "from": step.parent.number, "before": step.parent.kept}
            for step in steps
            if step.parent is not None
        ],
    )
    # Vega warns of a layer without rows, such as the edges of a single version.
    layers: list[Any] = [_lines(steps, edges)] if len(edges) else []
    layers.append(_points(steps, nodes))
    if len(edges) > 0 and len(steps) <= LABELLED:
        label = alt.Chart(edges).mark_text(dy=-13, color=GREY, fontSize=11)
        layers.append(label.encode(x="version:Q", y="kept:Q", text="kept change:N"))
    tagged = nodes[nodes["tags"] != ""]
    if len(tagged):
        named = alt.Chart(tagged).mark_text(dy=-27, color=GREY, fontWeight="bold", limit=90)
        layers.append(named.encode(x="version:Q", y="kept:Q", text="tags:N"))
    return alt.layer(*layers).properties(height=230)


def _lines(steps: Sequence["VersionStep"], edges: pd.DataFrame) -> alt.Chart:
    """Edges from each parent to its version."""
    lines: alt.Chart = (
        alt.Chart(edges)
        .mark_rule(strokeWidth=3, color=SKY)
        .encode(
            x=_versions(steps, "from"),
            x2="version:Q",
            y=alt.Y("before:Q", scale=alt.Scale(zero=False)),
            y2="kept:Q",
            tooltip=["kept change:N", "pass rate change:N", "what changed:N"],
        )
    )
    return lines


def _points(steps: Sequence["VersionStep"], nodes: pd.DataFrame) -> alt.Chart:
    """A mark for each version, by its state."""
    y = alt.Y("kept:Q", title="rows kept", axis=alt.Axis(minExtent=_EDGE, format="~s"), scale=alt.Scale(zero=False))
    colours = alt.Scale(domain=list(STATES), range=list(STATES.values()))
    shapes = alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
    points: alt.Chart = (
        alt.Chart(nodes)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            x=_versions(steps),
            y=y,
            color=alt.Color("state:N", title=None, legend=alt.Legend(orient="top"), scale=colours),
            shape=alt.Shape("state:N", title=None, scale=shapes),
            tooltip=["name", "kept", "problems", "rollouts", "made", "tags", "yanked"],
        )
    )
    return points


def _node(step: "VersionStep") -> dict[str, Any]:
    info = step.info
    state = "yanked" if info.yanked is not None else "tagged" if info.tags else "published"
    return {
        "version": info.number,
        "name": info.ref,
        "kept": info.kept,
        "problems": info.problems,
        "rollouts": info.rows,
        "made": f"{moment(str(info.created_at))} UTC",
        "tags": one_line(", ".join(info.tags), 60),
        "yanked": one_line(info.yanked or "", 120),
        "state": state,
    }


def _edge(step: "VersionStep") -> dict[str, Any]:
    return {
        "version": step.info.number,
        "kept": step.info.kept,
        "kept change": "" if step.kept_change is None else f"{step.kept_change:+,}",
        "pass rate change": "none measured" if step.rate_change is None else f"{step.rate_change:+.3f}",
        "what changed": changed_words(step),
    }


def changed_words(step: "VersionStep") -> str:
    """The first changes before a version was made, in words."""
    words = [
        f"{change.key.removeprefix('recipe.')} {change.old} -> {change.new}"
        if not change.key.startswith("verifier.")
        else f"{change.key.removeprefix('verifier.')} (version)"
        for change in step.changes
    ]
    more = f"; {len(words) - NAMED} more" if len(words) > NAMED else ""
    return one_line("; ".join(words[:NAMED]) + more, 300)


def rate_history(steps: Sequence["VersionStep"]) -> AnyChart | None:
    """The pass rate of each version with its 95% interval; None without a measured one."""
    frame = pd.DataFrame(rate_rows(steps))
    if frame.empty:
        return None
    tips: list[Any] = [
        "name",
        *number_tips(("pass_rate", "low", "high"), ".3f"),
        "problems",
        "judged",
    ]
    base = alt.Chart(frame).encode(x=_versions(steps), tooltip=tips)
    axis, scale = alt.Axis(minExtent=_EDGE, format=".2f"), alt.Scale(domain=[0, 1])
    rules = base.mark_rule(strokeWidth=3, color=SKY).encode(
        y=alt.Y("low:Q", title="pass rate", axis=axis, scale=scale), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=60, color=BLUE, opacity=1).encode(
        y=alt.Y("pass_rate:Q", axis=axis, scale=scale)
    )
    return alt.layer(rules, points).properties(height=170)


def gate_numbers(steps: Sequence["VersionStep"]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The numbers of the gates over the versions, oldest first, by check and measured value."""
    series: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for step in reversed(steps):
        for row in step.gate:
            point = {
                "version": step.info.number,
                "name": step.info.ref,
                **{key: row[key] for key in ("value", "least", "most")},
            }
            series.setdefault((row["check"], row["what"]), []).append(point)
    return series


def gate_chart(steps: Sequence["VersionStep"], name: str, points: Sequence[Mapping[str, Any]]) -> AnyChart:
    """Chart of one number of the gate over the versions, with dashed limits: the least in orange, the most in red."""
    frame = pd.DataFrame(points)
    share = bool((frame["value"].abs() <= 1.0).all())
    x = _versions(steps)
    axis = alt.Axis(minExtent=_EDGE, format=".3~f" if share else "~s")
    tips: list[Any] = ["name", alt.Tooltip("value:Q", format=",.6~g"), "least", "most"]
    y = alt.Y("value:Q", title=None, axis=axis)
    base = alt.Chart(frame, title=alt.TitleParams(one_line(name, 60), anchor="start", fontSize=13)).encode(
        x=x, tooltip=tips
    )
    layers: list[Any] = [base.mark_line(color=SKY, strokeWidth=2).encode(y=y)]
    layers.append(base.mark_point(filled=True, size=50, color=BLUE).encode(y=y))
    for end, colour in (("least", ORANGE), ("most", RED)):
        bounded = frame[frame[end].notna()]
        if len(bounded):
            dashes = alt.Chart(bounded).mark_tick(color=colour, thickness=3, width=14, orient="horizontal")
            layers.append(dashes.encode(x=x, y=alt.Y(f"{end}:Q", axis=axis), tooltip=tips))
    return alt.layer(*layers).properties(height=SMALL)


def drift_chart(steps: Sequence["VersionStep"], kind: str) -> AnyChart | None:
    """Chart of one kind of drift over the versions with its 95% interval, its value by chance, and the gate's limit."""
    frame = pd.DataFrame(
        [
            {
                "version": step.info.number,
                "name": step.info.ref,
                "from": "" if step.drift_from is None else step.drift_from.ref,
                **{key: row[key] for key in ("value", "low", "high", "chance", "n_before", "n_after", "clusters")},
                "limit": _limit(step, kind),
            }
            for step in reversed(steps)
            if (row := step.drift.get(kind)) and row["value"] is not None
        ]
    )
    if frame.empty:
        return None
    x, axis = _versions(steps), alt.Axis(minExtent=_EDGE, format=".2f")
    numbers = number_tips(("value", "low", "high", "chance"), ".3f")
    tips: list[Any] = ["name", "from", *numbers, "n_before", "n_after", "clusters", "limit"]
    title = alt.TitleParams(kind.replace("_", " "), anchor="start", fontSize=13)
    base = alt.Chart(frame, title=title).encode(x=x, tooltip=tips)
    scale = alt.Scale(domain=[0, max(0.1, float(frame[["high", "chance", "limit"]].max().max()))])

    def height(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="distance", axis=axis, scale=scale)

    layers = [
        base.mark_rule(strokeWidth=3, color=SKY).encode(y=height("low"), y2="high:Q"),
        base.mark_tick(color=GREY, thickness=2, width=14, orient="horizontal").encode(y=height("chance")),
        base.mark_point(filled=True, size=60, color=BLUE).encode(y=height("value")),
    ]
    if frame["limit"].notna().any():
        limits = alt.Chart(frame[frame["limit"].notna()]).mark_tick(color=RED, thickness=3, width=14, orient="horizontal")
        layers.append(limits.encode(x=x, y=height("limit"), tooltip=tips))
    return alt.layer(*layers).properties(height=SMALL)


def _limit(step: "VersionStep", kind: str) -> float | None:
    """The gate's limit in a version for a kind of drift."""
    name = f"drift, {kind.replace('_', ' ')}"
    return next((row["most"] for row in step.gate if row["check"] == name and row["what"] == "distance"), None)
