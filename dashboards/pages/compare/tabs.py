"""The tabs of Compare: curves, cost, calibration, replays, allocations and errata, each computed when it is opened."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, message_line, visible
from rollmill.dashboards.pages.compare.allocations import show_allocations
from rollmill.dashboards.pages.compare.charts import calibration_chart, curve_chart, price_chart, replay_chart
from rollmill.dashboards.pages.compare.errata import show_errata
from rollmill.dashboards.pages.compare.sides import ComparedSubject, linked, links_of, read_sides, scope_of
from rollmill.dashboards.session.address import choose
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries import Reader, version_manifest
from rollmill.storage.queries.comparisons.evaluations import (
    REPLAYS,
    Price,
    SideMetric,
    metric_of,
    prices,
    replays,
    scores_of,
)


def show_tabs(subject: ComparedSubject) -> None:
    """Draw the tabs; a hidden one computes nothing."""
    shows = {
        "Pass@k": _curves,
        "Cost and accuracy": _cost,
        "Calibration": _calibration,
        "Replays": _replays,
        "Allocations": show_allocations,
        "Errata": show_errata,
    }
    for tab, show in zip(st.tabs(list(shows), key="more", bind="query-params"), shows.values(), strict=True):
        with tab:
            if tab.open:
                show(subject)


def _metric(source: Reader, name: str, split: str, metric: str, score: str | None = None) -> list[SideMetric]:
    return metric_of(read_sides(source, name, split), metric, score)


def _prices(source: Reader, name: str, split: str) -> list[Price]:
    return prices(read_sides(source, name, split))


def _scores(source: Reader, name: str, split: str) -> list[str]:
    return scores_of(read_sides(source, name, split))


def _pools(source: Reader, name: str, split: str) -> list[tuple[str, tuple[str, ...]]]:
    return sorted({(scope_of(side), tuple(sorted(side.models))) for side in read_sides(source, name, split)})


def _rows(subject: ComparedSubject, metrics: Sequence[SideMetric]) -> list[Any]:
    """The numbers of a metric with model, benchmark, settings and address."""
    return linked(
        [{**row.row(), "model": side.model, "benchmark": side.benchmark} for side in metrics for row in side.rows],
        subject.kept(links_of),
    )


def _why(metrics: Sequence[SideMetric]) -> None:
    for why in dict.fromkeys(metric.why for metric in metrics if metric.why):
        st.caption(message_line(why))


def compute_first_tab(subject: ComparedSubject) -> list[SideMetric]:
    """The numbers of the tab that is open at first."""
    curves: list[SideMetric] = subject.kept(_metric, "coverage_curve")
    return curves


def _curves(subject: ComparedSubject) -> None:
    curves = compute_first_tab(subject)
    if any(len(curve.rows) > 1 for curve in curves):
        st.altair_chart(curve_chart(_rows(subject, curves)), width="stretch")
        st.caption(
            "Share of problems that any of k completions solves, with 95% bands over clusters. A point opens Explore."
        )
    else:
        st.info("Every model has one completion of each problem here: a curve needs several.")
    _why(curves)


def _cost(subject: ComparedSubject) -> None:
    points = subject.kept(_prices)
    if not points:
        st.info("The tokens of these completions are not known: imports without counts have none.")
        return
    st.altair_chart(price_chart(linked(list(map(asdict, points)), subject.kept(links_of))), width="stretch")
    st.caption("Mean tokens of a completion against pass rate, with 95% intervals. A point opens Explore.")


def _calibration(subject: ComparedSubject) -> None:
    """Calibration of a score as a probability, bin by bin, and its quality as an order."""
    scores = subject.kept(_scores)
    if not scores:
        st.info("These completions have no scores. A recipe's `score:` or this command stores some:")
        scope = next(scope for scope, _ in subject.kept(_pools))
        run = version_manifest(reader(), scope).get("run", "RUN") if "@" in scope else scope
        st.code(f"rollmill score {visible(run)} --with answer_agreement", language=None)
        if "@" in scope:  # a version never changes
            st.caption(
                "What is scored after a version was published is seen where the run is chosen above, not the version."
            )
        return
    score = choose("Score", scores, "score", where=st.container())
    orders, bins = subject.kept(_metric, "auroc", score), subject.kept(_metric, "calibration", score)
    rows = [row for row in _rows(subject, bins) if "bin" in row]
    if rows:
        st.altair_chart(calibration_chart(rows), width="stretch")
        st.caption(
            "Completions in bins by their score: its mean against the share that is correct, with 95% intervals; "
            "n sets the size of a point. On the line a score is a chance. A point opens Explore."
        )
    else:
        for why in dict.fromkeys(metric.why for metric in bins if metric.why):
            st.info(f"No reliability diagram: {message_line(why)}")
    links = subject.kept(links_of)
    table = [
        {
            "model": visible(order.model),
            "benchmark": visible(order.benchmark),
            "rollouts": order.rows[0].n if order.rows else None,
            "AUROC": _interval(order.rows[0].row()) if order.rows else visible(order.why),
            "calibration error": _interval(error.rows[0].row()) if error.rows else "none, see above",
            "of an exact score": error.rows[0].setting.get("noise") if error.rows else None,
            "Explore": links[order.model, order.benchmark],
        }
        for order, error in zip(orders, bins, strict=True)
    ]
    opens = {"Explore": st.column_config.LinkColumn(display_text="open", width="small")}
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch", column_config=opens)
    st.caption(
        "AUROC: how often a score prefers a right completion to a wrong one, .5 by luck. Calibration error: mean distance "
        "of the bins from the line; next to it, the error of an exact score with these n. 95% intervals."
    )


def _interval(row: Any) -> str:
    if row.get("value") is None:
        return visible(row.get("why", ""))
    return f"{row['value']:.3f}" if row["low"] is None else with_interval(row["value"], row["low"], row["high"])


def _replays(subject: ComparedSubject) -> None:
    """Ways to choose an answer, at equal tokens or samples, from stored results of `rollmill replay`; a button stores
    another."""
    pools: list[tuple[str, tuple[str, ...]]] = subject.kept(_pools)
    reports = replays(reader().root, {scope for scope, _ in pools})
    done = {(report["pool"], tuple(sorted(report["models"]))) for report in reports}
    if not reports:
        st.info("No replay of these completions is stored: votes and other ways to choose one answer, at equal tokens.")
    for place, report in enumerate(reports):
        unit = "tokens" if any(row["unit"] == "tokens" for row in report["rows"]) else "samples"
        rows = [row for row in report["rows"] if row["unit"] == unit and row["k"] == report["ks"][0]]
        st.markdown(f"**{inert(', '.join(report['models']))}** on {inert(report['pool'])}")
        st.altair_chart(replay_chart(rows, unit), width="stretch", key=f"replay-{place}")
        st.caption(
            f"Accuracy of one chosen answer at equal {unit}, with 95% intervals over clusters; n = "
            f"{counted(report['problems'], 'problem')}, {counted(report['repeats'], 'subset')} of each. Settings are "
            "chosen on other problems."
        )
        st.dataframe(_over_majority(rows), hide_index=True, width="stretch")
    open_pools = [pool for pool in pools if pool not in done]
    if open_pools:
        names = {f"{', '.join(models)} on {scope}": (scope, models) for scope, models in open_pools}
        scope, models = names[choose("Replay", list(names), "replay", where=st.container())]
        out = REPLAYS / f"{scope}-{pools.index((scope, models)) + 1}"
        chosen = [f"--model={model}" for model in models]
        command_button("Replay", ["replay", "--out", str(out), *chosen, "--", scope], key="compare-replay", wait=600)


def _over_majority(rows: Sequence[Any]) -> pd.DataFrame:
    """The rows at the largest budget."""
    most = max(row["amount"] for row in rows)
    return pd.DataFrame(
        [
            {
                "aggregator": visible(row["aggregator"]),
                f"accuracy at {most:,} {row['unit']}": _interval(row),
                "to majority": _interval(row["to_majority"]) if row["to_majority"] else "",
                "chosen settings": visible(" / ".join(dict.fromkeys(row["settings"]))),
            }
            for row in rows
            if row["amount"] == most
        ]
    )
