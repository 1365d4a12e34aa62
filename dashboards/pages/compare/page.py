"""Compare: every model on every benchmark, and two models on their common problems. Each problem opens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.pages.compare.charts import board_chart, strata_chart
from rollmill.dashboards.pages.compare.sides import (
    AND,
    ComparedSubject,
    linked,
    links_of,
    read_sides,
    splits,
    subject_state,
)
from rollmill.dashboards.pages.compare.tabs import compute_first_tab, show_tabs
from rollmill.dashboards.parts.problem import show_facts, show_rollouts
from rollmill.dashboards.session.address import OPEN, choose, selected
from rollmill.dashboards.session.kept import kept_by
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.units import counted
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries import Reader, datasets, named_scope, problem_detail, runs
from rollmill.storage.queries.comparisons.comparison import ComparisonRequest, compare, leaderboard
from rollmill.storage.queries.comparisons.evaluations import Flip, evaluations, flips
from rollmill.storage.queries.comparisons.sides import Side
from rollmill.storage.queries.comparisons.undecided import difference_words, undecided_words

Row = Mapping[str, Any]
OTHER = "other"  # the parameter of a second subject
LEADERS = 8  # benchmarks described in words
MOST = 200  # differing problems in the table


def show() -> None:
    """Draw the page."""
    st.title("Compare")
    source = reader()
    names = subjects(source)
    if not names:
        nothing_yet(
            "Nothing to compare yet. An evaluation asks models the problems of benchmarks.",
            "Evaluate",
            "rollmill evaluate recipes/evaluations/arithmetic.yaml",
        )
        return
    name = choose("Evaluation, dataset or run", names, "evaluation", forget=("a", "b", "problem", OTHER))
    name = _with_other(name, names)
    state = subject_state(source, name)
    split = choose("Benchmarks by", kept_by(state, source, splits, name), "by", forget=("problem",))
    subject = ComparedSubject(name, split, state)
    board = subject.kept(_board)
    _leaderboard(board, subject)
    if len(board["models"]) > 1:
        _two(board["models"], subject)
    show_tabs(subject)


def subjects(source: Reader) -> list[str]:
    """Everything that has models to compare; the page opens with the first one."""
    measured = evaluations(source)
    versions = [f"{row.name}@latest" if row.name in measured else row.name for row in datasets(source)]
    return list(dict.fromkeys([*measured, *versions, *(run.id for run in runs(source))]))


def compute_first(source: Reader, name: str) -> None:
    """Compute what the page shows of a subject at first."""
    state = subject_state(source, name)
    subject = ComparedSubject(name, kept_by(state, source, splits, name)[0], state)
    models = subject.kept(_board)["models"]
    subject.kept(links_of)
    compute_first_tab(subject)
    if len(models) > 1:
        pair = models[1], models[0]
        rows = subject.kept(_compared, *pair)
        if not isinstance(rows, str) and rows:
            subject.kept(_flips, pair, str(rows[0]["before"]["benchmark"]))


def _with_other(name: str, names: Sequence[str]) -> str:
    """The subject, joined with the second one that the address names; it is chosen on the page of runs."""
    other = st.query_params.get(OTHER)
    if other is None or other == name:
        return name
    if other not in names:
        raise unknown_name("evaluation, dataset or run", other, names, next_command="choose two rows of the page Runs")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{inert(name)}** and **{inert(other)}**, on the problems that both have.")
        st.button(f"{inert(name)} alone", on_click=_leave_other)
    return f"{name}{AND}{other}"


def _leave_other() -> None:
    st.query_params.pop(OTHER, None)


def _board(source: Reader, name: str, split: str) -> Row:
    return leaderboard(read_sides(source, name, split))


def _words(row: Row | None) -> str:
    return "" if row is None or row["value"] is None else with_interval(row["value"], row["low"], row["high"])


def _leaderboard(board: Row, subject: ComparedSubject) -> None:
    st.subheader("Which model is better, and on what")
    st.markdown("\n".join(_leaders(board)))
    links = subject.kept(links_of)
    cells = {(cell["model"], cell["benchmark"]): cell for cell in board["cells"]}
    shared: list[str] = next((mean["benchmarks"] for mean in board["means"].values() if mean), [])
    rows = []
    for model in board["models"]:
        row = {"model": visible(model)}
        if len(shared) > 1:
            row["mean"] = _words(board["means"][model])
        for benchmark in board["benchmarks"]:
            cell = cells.get((model, benchmark))
            words = "" if cell is None else f"{_words(cell)}{' *' if cell['unbeaten'] and board['tests'] else ''}"
            # A column of links can show part of the address only, so the label follows the #.
            row[visible(benchmark)] = words and f"{links[model, benchmark]}#{quote(words)}"
        rows.append(row)
    st.altair_chart(board_chart(linked(board["cells"], links), board["models"], board["benchmarks"]), width="stretch")
    opens = {visible(benchmark): st.column_config.LinkColumn(display_text="#(.*)$") for benchmark in board["benchmarks"]}
    columns = {"model": st.column_config.TextColumn(pinned=True), **opens}
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=columns)
    tested = (
        f" \\* No other model is shown to be better on this benchmark: tests of all {len(board['tests'])} pairs, "
        "corrected together (Holm)."
        if board["tests"]
        else ""
    )
    mean = f" The mean is over {', '.join(map(inert, shared))}, which every model was asked." if len(shared) > 1 else ""
    estimands = "; ".join(sorted({str(cell.get("estimand")) for cell in board["cells"] if cell.get("estimand")}))
    st.caption(
        f"Pass rates with 95% intervals ({inert(estimands, 400)}); a cell or a point opens its rollouts in Explore."
        f"{tested}{mean}"
    )
    for cell in board["cells"]:
        if undecided := undecided_words(cell):
            st.caption(f"{inert(cell['model'])} on {inert(cell['benchmark'])}: {undecided}.")
        for text in cell.get("faults", ()):
            st.warning(f"{inert(cell['model'])} on {inert(cell['benchmark'])}: {inert(text, 600)}")
    with st.expander("The numbers, with n", key="board-numbers", bind="query-params") as numbers:
        if numbers.open:
            cells_opened = [_plain(cell) | {"open": links[cell["model"], cell["benchmark"]]} for cell in board["cells"]]
            st.dataframe(pd.DataFrame(cells_opened), hide_index=True, width="stretch", column_config=OPEN)


def _leaders(board: Row) -> Iterator[str]:
    """A line for each of the first benchmarks: the best model, and the models that are not significantly worse."""
    for benchmark in board["benchmarks"][:LEADERS]:
        here = [cell for cell in board["cells"] if cell["benchmark"] == benchmark and cell["value"] is not None]
        if not here:
            continue
        best = max(here, key=lambda cell: float(cell["value"]))
        level = [inert(cell["model"], 40) for cell in here if cell["unbeaten"] and cell is not best]
        than = f"not shown to be better than {', '.join(level)}" if level else "shown to be better than every other model"
        than = than if len(here) > 1 else "the only model that was asked"
        yield f"- **{inert(benchmark, 60)}**: {inert(best['model'], 60)} at {inert(_words(best))}, {than}."


def _plain(row: Row) -> dict[str, Any]:
    return {key: visible(value) if isinstance(value, str) else value for key, value in row.items()}


def _two(models: Sequence[str], subject: ComparedSubject) -> None:
    """Two models on shared problems: by benchmark, and the problems on which they differ."""
    st.subheader("Two models on the same problems")
    left, right = st.columns(2)
    # By default the second model of the board against its first.
    first = choose("Model", [models[1], models[0], *models[2:]], "a", where=left, forget=("problem",))
    second = choose("Against", [model for model in models if model != first], "b", where=right, forget=("problem",))
    rows = subject.kept(_compared, first, second)
    if isinstance(rows, str):
        st.info(inert(rows, 600))
        return
    for row in rows:
        st.markdown(_sentence(row, tests=len(rows)))
    links = subject.kept(links_of)
    st.altair_chart(strata_chart(rows, [links[second, row["after"]["benchmark"]] for row in rows]), width="stretch")
    st.caption(
        f"Difference of pass@1, {inert(second)} minus {inert(first)}, with 95% intervals over clusters. "
        "Not significant is not equal: the table says what difference would have shown."
    )
    with st.expander("The numbers", key="pair-numbers", bind="query-params") as numbers:
        if numbers.open:
            st.dataframe(_table(rows), hide_index=True, width="stretch")
    _flipped([str(row["before"]["benchmark"]) for row in rows], subject, (first, second))


def _compared(source: Reader, name: str, split: str, first: str, second: str) -> list[Row] | str:
    """The comparison on every benchmark, or the reason for its absence."""
    sides = read_sides(source, name, split)
    before, after = ({side.benchmark: side for side in sides if side.model == model} for model in (first, second))
    try:
        return list(compare(before, after, ComparisonRequest()))
    except SetupError as error:
        return error.message


def _sentence(row: Row, *, tests: int) -> str:
    """Conclusion of the comparison on one benchmark, in a line."""
    where = f"**{inert(row['before']['benchmark'])}**: " if tests > 1 else ""
    corrected = f" after correction for {tests} tests" if tests > 1 else ""
    p = f"p {'< .001' if row['p_corrected'] < 0.001 else format(row['p_corrected'], '.3f')}{corrected}"
    notes = [difference_words(row), "" if row["outlying"] is None else row["outlying"]["note"]]
    noted = "".join(f" Note: {inert(note, 400)}." for note in notes if note)
    return f"{where}{inert(row['decision'], 400)} ({counted(row['problems'], 'shared problem')}, {p}).{noted}"


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
    known = {(side.model, side.benchmark): side for side in read_sides(source, name, split)}
    return [known[model, benchmark] for model in models]


def _flips(source: Reader, name: str, split: str, models: tuple[str, str], benchmark: str) -> list[Flip]:
    before, after = _pair(source, name, split, models, benchmark)
    return flips(source, before, after, MOST)


def _flipped(benchmarks: Sequence[str], subject: ComparedSubject, models: tuple[str, str]) -> None:
    """The problems on which two models differ; the selected one with the rollouts of both."""
    first, second = models
    st.markdown("**Problems on which they differ**")
    benchmark = choose("Benchmark", benchmarks, "on", where=st.container(), forget=("problem",))
    changed = subject.kept(_flips, models, benchmark)
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
        height=min(320, 35 * (len(changed) + 1) + 3),
        column_config={
            "problem": st.column_config.TextColumn(width=290),
            **{name: st.column_config.NumberColumn(width=60) for name in (visible(first), visible(second), "change")},
        },
        on_select="rerun",
        selection_mode="single-row",
        key=f"flips-{hash((subject.name, subject.split, models, benchmark))}",
    )
    if len(changed) == MOST:
        st.caption(f"The {MOST} largest changes.")
    chosen = event["selection"]["rows"]
    problem = selected("problem", changed[chosen[0]].problem if chosen and chosen[0] < len(changed) else None)
    if problem:
        _side_by_side(_pair(reader(), subject.name, subject.split, models, benchmark), problem)


def _side_by_side(pair: Sequence[Side], problem: str) -> None:
    """The problem, and the rollouts of each model in a column of its own."""
    scopes = [scope for side in pair if (scope := named_scope(reader(), side.reference.partition(":")[0])) is not None]
    details = [problem_detail(scope, problem) for scope in scopes]
    show_facts(details[0].problem)
    for side, detail, column in zip(pair, details, st.columns(len(details)), strict=True):
        mine = tuple(
            rollout
            for rollout in detail.rollouts
            if rollout.completion is not None and rollout.completion.model in side.models
        )
        with column:
            st.markdown(f"**{inert(side.model)}**")
            show_rollouts(replace(detail, rollouts=mine), f"{problem}-{side.model}")
