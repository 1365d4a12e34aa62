"""Compare: every model on every benchmark, and two models on the problems that both were asked. Each problem opens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboards.address import choose, selected
from dashboards.compare_charts import board_chart, curve_chart, price_chart, strata_chart
from dashboards.explore_link import explore_link
from dashboards.inert import inert, one_line, visible
from dashboards.kept import State, kept_by, state_of
from dashboards.problem_detail import show_facts, show_rollouts
from dashboards.scope_choice import nothing_yet, reader
from storage.errors import SetupError
from storage.queries import Reader, datasets, named_scope, problem_detail, runs
from storage.queries.comparison import ALPHA, ComparisonRequest, compare, leaderboard
from storage.queries.evaluations import Flip, Price, SideMetric, calibration_of, evaluations, flips, metric_of, prices
from storage.queries.sides import Side, sides_of

Row = Mapping[str, Any]
AS_THEY_ARE = "as they are"
COLUMNS = ("source", "level", "skill", "template")
MOST = 200  # problems that differ, in the table
OPEN = {"open": st.column_config.LinkColumn("Explore", display_text="open", width="small")}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is compared: an evaluation, dataset or run, and what its benchmarks are told apart by."""

    name: str
    split: str
    state: State

    def kept(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """`query(reader, name, split, *arguments)`, asked once for each state of what is compared."""
        return kept_by(self.state, reader(), query, self.name, self.split, *arguments)


def show() -> None:
    """Draw the page."""
    st.title("Compare")
    source = reader()
    names = [*evaluations(source), *(f"{row.name}" for row in datasets(source)), *(run.id for run in runs(source))]
    if not names:
        nothing_yet("Nothing to compare yet. An evaluation asks benchmarks of models; any run or dataset has models too.")
        return
    name = choose("Evaluation, dataset or run", list(dict.fromkeys(names)), "evaluation", forget=("a", "b", "problem"))
    state = state_of(source, name)
    split = choose("Benchmarks by", kept_by(state, source, _splits, name), "by", forget=("problem",))
    asked = _Asked(name, split, state)
    board = asked.kept(_board)
    _leaderboard(board, asked)
    if len(board["models"]) > 1:
        _two(board["models"], asked)
    _more(asked)


def _splits(source: Reader, name: str) -> list[str]:
    """What benchmarks can be told apart by; the first is the default: sources where one benchmark has several of them."""
    sides = _sides(source, name, AS_THEY_ARE)
    known = [one for one in COLUMNS if any(len(set(side.pool.strata.get(one, ())) - {None}) > 1 for side in sides)]
    several = len({side.benchmark for side in sides}) > 1 or "source" not in known
    return [AS_THEY_ARE, *known] if several else ["source", AS_THEY_ARE, *known[1:]]


def _sides(source: Reader, name: str, split: str) -> list[Side]:
    return kept_by(state_of(source, name), source, sides_of, name, None if split == AS_THEY_ARE else split)


def _board(source: Reader, name: str, split: str) -> Row:
    return leaderboard(_sides(source, name, split))


def _links(source: Reader, name: str, split: str) -> dict[tuple[str, str], str]:
    """Of each cell of the leaderboard the address of its rollouts in Explore."""
    found = {}
    for side in _sides(source, name, split):
        scope = side.reference.partition(":")[0]
        group = {split: side.benchmark} if split in COLUMNS else {}
        of = f"{'version' if '@' in scope else 'run'} {scope}"
        found[side.model, side.benchmark] = explore_link(of, rows="rollouts", model=sorted(side.models), **group)
    return found


def _words(row: Row | None) -> str:
    return "" if row is None or row["value"] is None else f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _leaderboard(board: Row, asked: _Asked) -> None:
    st.subheader("Which model is better")
    cells = {(cell["model"], cell["benchmark"]): cell for cell in board["cells"]}
    shared: list[str] = next((mean["benchmarks"] for mean in board["means"].values() if mean), [])
    rows = []
    for model in board["models"]:
        row = {"model": visible(model)}
        if len(board["benchmarks"]) > 1:
            row["mean"] = _words(board["means"][model])
        for benchmark in board["benchmarks"]:
            cell = cells.get((model, benchmark))
            row[visible(benchmark)] = "" if cell is None else f"{_words(cell)}{' *' if cell['unbeaten'] else ''}"
        rows.append(row)
    st.altair_chart(board_chart(board), width="stretch")
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config={"model": {"pinned": True}})
    over = f"over {', '.join(map(inert, shared))}, which every model was asked" if shared else "over no benchmark"
    estimands = "; ".join(sorted({str(cell.get("estimand")) for cell in board["cells"] if cell.get("estimand")}))
    st.caption(
        f"Pass rates with 95% intervals ({inert(estimands, 400)}). \\* No other model is shown to be better on this "
        f"benchmark: sign-flip tests of all {len(board['tests'])} pairs, corrected together (Holm). The mean is {over}."
    )
    with st.expander("The numbers, with n", key="board-numbers", bind="query-params") as numbers:
        if numbers.open:
            links = asked.kept(_links)
            cells_opened = [_plain(cell) | {"open": links[cell["model"], cell["benchmark"]]} for cell in board["cells"]]
            st.dataframe(pd.DataFrame(cells_opened), hide_index=True, width="stretch", column_config=OPEN)


def _plain(row: Row) -> dict[str, Any]:
    return {key: visible(value) if isinstance(value, str) else value for key, value in row.items()}


def _two(models: Sequence[str], asked: _Asked) -> None:
    """Two models on shared problems: by benchmark, and the problems on which they differ."""
    st.subheader("Two models on the same problems")
    left, right = st.columns(2)
    first = choose("Model", [models[1], models[0], *models[2:]], "a", where=left, forget=("problem",))
    second = choose("Against", [one for one in models if one != first], "b", where=right, forget=("problem",))
    rows = asked.kept(_compared, first, second)
    if isinstance(rows, str):
        st.info(visible(rows))
        return
    for row in rows:
        st.markdown(_sentence(row, first, second, tests=len(rows)))
    st.altair_chart(strata_chart(rows), width="stretch")
    st.caption(
        f"Difference of pass@1, {inert(second)} minus {inert(first)}, with 95% intervals over clusters (sign-flip tests). "
        "Not significant is not equal: the table says what difference would have shown."
    )
    with st.expander("The numbers", key="pair-numbers", bind="query-params") as numbers:
        if numbers.open:
            st.dataframe(_table(rows), hide_index=True, width="stretch")
    _flipped([str(row["before"]["benchmark"]) for row in rows], asked, (first, second))


def _compared(source: Reader, name: str, split: str, first: str, second: str) -> list[Row] | str:
    """The comparison on every benchmark, or why there is none."""
    sides = _sides(source, name, split)
    before, after = ({side.benchmark: side for side in sides if side.model == model} for model in (first, second))
    try:
        return list(compare(before, after, ComparisonRequest()))
    except SetupError as error:
        return error.message


def _sentence(row: Row, first: str, second: str, *, tests: int) -> str:
    """What the comparison on one benchmark shows, in a line."""
    better, worse = (second, first) if row["difference"] > 0 else (first, second)
    where = f"**{inert(row['before']['benchmark'])}**: " if tests > 1 else ""
    corrected = f" after correction for {tests} tests" if tests > 1 else ""
    p = f"p {'< .001' if row['p_corrected'] < 0.001 else format(row['p_corrected'], '.3f')}{corrected}"
    shared = f"on {row['problems']:,} shared problems ({p})"
    if row["p_corrected"] < ALPHA:
        points = f"{abs(row['difference']) * 100:.1f} points"
        return f"{where}**{inert(better)}** is ahead of {inert(worse)} by {points} {shared}."
    seen = (
        "" if row["detectable"] is None else f"; {row['detectable'] * 100:.1f} points would have shown four times in five"
    )
    return f"{where}no difference is shown {shared}{seen}."


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "benchmark": visible(row["before"]["benchmark"]),
                "problems": row["problems"],
                "before": row["value_before"],
                "after": row["value_after"],
                "difference": _words({**row, "value": row["difference"]}),
                "p, corrected": row["p_corrected"],
                "would have shown": row["detectable"],
                "better / worse / same": " / ".join(str(row["flipped"][key]) for key in ("better", "worse", "same")),
                "at equal tokens": _equal_tokens(row["equal_tokens"]),
            }
            for row in rows
        ]
    )


def _equal_tokens(row: Row) -> str:
    return visible(row["why"]) if "why" in row else f"{_words({**row, 'value': row['difference']})} at {row['tokens']:,}"


def _pair(source: Reader, name: str, split: str, models: Sequence[str], benchmark: str) -> list[Side]:
    """The sides of these models on one benchmark, in their order."""
    known = {(side.model, side.benchmark): side for side in _sides(source, name, split)}
    return [known[model, benchmark] for model in models]


def _flips(source: Reader, name: str, split: str, models: tuple[str, str], benchmark: str) -> list[Flip]:
    before, after = _pair(source, name, split, models, benchmark)
    return flips(source, before, after, MOST)


def _flipped(benchmarks: Sequence[str], asked: _Asked, models: tuple[str, str]) -> None:
    """The problems on which two models differ; the selected one with the rollouts of both."""
    first, second = models
    st.markdown("**Problems on which they differ**")
    benchmark = choose("Benchmark", benchmarks, "on", where=st.container(), forget=("problem",))
    changed = asked.kept(_flips, models, benchmark)
    if not changed:
        st.caption("None.")
        return
    event = st.dataframe(
        pd.DataFrame(
            {
                "problem": [one_line(flip.prompt, 160) for flip in changed],
                visible(first): [flip.before for flip in changed],
                visible(second): [flip.after for flip in changed],
                "change": [flip.after - flip.before for flip in changed],
                "id": [flip.problem for flip in changed],
            }
        ),
        hide_index=True,
        width="stretch",
        height=320,
        column_config={"problem": st.column_config.TextColumn(width="large")},
        on_select="rerun",
        selection_mode="single-row",
        key=f"flips-{hash((asked.name, asked.split, models, benchmark))}",
    )
    if len(changed) == MOST:
        st.caption(f"The {MOST} largest changes.")
    chosen = event["selection"]["rows"]
    problem = selected("problem", changed[chosen[0]].problem if chosen and chosen[0] < len(changed) else None)
    if problem:
        _side_by_side(_pair(reader(), asked.name, asked.split, models, benchmark), problem)


def _side_by_side(pair: Sequence[Side], problem: str) -> None:
    """The problem, and the rollouts of each model in a column of its own."""
    scopes = [scope for side in pair if (scope := named_scope(reader(), side.reference.partition(":")[0])) is not None]
    details = [problem_detail(scope, problem) for scope in scopes]
    show_facts(details[0].problem)
    for side, detail, column in zip(pair, details, st.columns(len(details)), strict=True):
        mine = [one for one in detail.rollouts if one.completion is not None and one.completion.model in side.models]
        with column:
            st.markdown(f"**{inert(side.model)}**")
            show_rollouts(mine, f"{problem}-{side.model}")


def _curves(source: Reader, name: str, split: str) -> list[SideMetric]:
    return metric_of(_sides(source, name, split), "coverage_curve")


def _prices(source: Reader, name: str, split: str) -> list[Price]:
    return prices(_sides(source, name, split))


def _scores(source: Reader, name: str, split: str) -> list[tuple[str, SideMetric]]:
    return calibration_of(_sides(source, name, split))


def _more(asked: _Asked) -> None:
    """Curves, prices and scores, each computed once it is looked at."""
    curves, cost, scores = st.tabs(["Pass@k", "Cost and accuracy", "Scores"], key="more", bind="query-params")
    with curves:
        if curves.open:
            found = asked.kept(_curves)
            if any(len(one.rows) > 1 for one in found):
                st.altair_chart(curve_chart(found), width="stretch")
                st.caption("Share of problems that any of k completions solves, with 95% bands over clusters.")
            else:
                st.info("Every model has one completion of each problem here: a curve needs several.")
            for why in dict.fromkeys(one.why for one in found if one.why):
                st.caption(inert(why, 400))
    with cost:
        if cost.open:
            points = asked.kept(_prices)
            if points:
                st.altair_chart(price_chart(points), width="stretch")
                st.caption("Mean tokens of a completion against pass rate, with 95% intervals.")
            else:
                st.info("The tokens of these completions are not known: imports without counts have none.")
    with scores:
        if scores.open:
            known = asked.kept(_scores)
            rows = [
                {"score": score, "model": visible(one.model), "benchmark": visible(one.benchmark), "AUROC": _auroc(one)}
                for score, one in known
            ]
            if rows:
                st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
                st.caption(
                    "AUROC: how often a score prefers a right completion to a wrong one; .5 is chance. 95% intervals."
                )
            else:
                st.info("These completions have no scores. A recipe's `score:` or this command stores some:")
                st.code("rollmill score RUN --with length", language=None)


def _auroc(one: SideMetric) -> str:
    return visible(one.why) if not one.rows else _words(one.rows[0].row()) or visible(one.rows[0].why)
