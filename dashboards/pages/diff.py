"""Diff: the changes between two versions of a dataset, from the recipe over decisions down to one rollout."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.parts.charts import AnyChart, chart_of_rows
from rollmill.dashboards.parts.difference import show_differences
from rollmill.dashboards.parts.problem import show_facts
from rollmill.dashboards.parts.reader import raw_text
from rollmill.dashboards.parts.rollout import show_completion
from rollmill.dashboards.parts.verdicts import record, show_verdict
from rollmill.dashboards.session.address import choose, forget_old, link
from rollmill.dashboards.session.kept import steps_of
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.units import counted
from rollmill.storage.queries import Reader, datasets
from rollmill.storage.queries.browse.evidence import Subject, rule_words
from rollmill.storage.queries.histories.dataset_history import both_sides, changed_rows, pair_of, paired_diff

if TYPE_CHECKING:
    from rollmill.storage.queries import Move, Pairing, VersionDiff
    from rollmill.storage.queries.histories.dataset_history import BothSides, ChangedRow

PAGE = 25  # rows of a page
CELL = 80  # letters of a setting that a cell shows; longer ones are compared as texts
OF_PAIR = ("was", "became", "row")  # address parameters that differ for another pair
FIRST_PAGE = {"page": 1}


def show() -> None:
    """Draw the page."""
    st.title("Diff")
    summaries = [row for row in datasets(reader()) if row.versions > 1]
    if not summaries:
        nothing_yet("No dataset has two versions yet. Change a recipe and curate again to get a second.")
        return
    forget = ("before", "after", *OF_PAIR)
    name = choose("Dataset", [row.name for row in summaries], "dataset", forget=forget, anew=FIRST_PAGE)
    references = [step.info.ref for step in steps_of(reader(), name) if step.here]
    if len(references) < 2:
        st.info(f"The rows of fewer than two versions of {name} are in this clone.")
        st.code(f"rollmill dataset pull {name}", language=None)
        return
    left, right = st.columns(2)
    after = choose("After", references, "after", where=right, forget=OF_PAIR, anew=FIRST_PAGE)
    older = [references[references.index(after) + 1]] if after != references[-1] else []
    others = list(dict.fromkeys([*older, *references]))
    before = choose("Before", others, "before", where=left, forget=OF_PAIR, anew=FIRST_PAGE)
    pair = _pair_of(before, after)
    changes = _changes_of(before, after)
    _causes(changes)
    _flow(changes)
    _rows(pair, changes)
    _effects(changes)
    link("Datasets", f"The versions of {inert(name)}", dataset=name, version=after)


def _pair_of(before: str, after: str) -> "Pairing":
    """The two versions joined, cached while the page shows them."""
    steps = {step.info.ref: step.info.content_hash for step in steps_of(reader(), before.partition("@")[0])}
    pair: Pairing = _joined(str(reader().root), steps[before], steps[after], before, after, reader())
    return pair


def _closed(pair: "Pairing") -> None:
    pair.close()


# Content hashes are part of the key: after a rebase a number may belong to another version.
@st.cache_resource(show_spinner="Joining the versions", max_entries=4, on_release=_closed)
def _joined(root: str, old: str, new: str, before: str, after: str, _reader: Reader) -> "Pairing":  # noqa: ARG001 (the key)
    return pair_of(_reader, before, after)


def _changes_of(before: str, after: str) -> "VersionDiff":
    pair = _pair_of(before, after)
    changes: VersionDiff = _compared(pair.before.content_hash, pair.after.content_hash, before, after, pair)
    return changes


@st.cache_resource(show_spinner="Comparing", max_entries=100)
def _compared(old: str, new: str, before: str, after: str, _pair: "Pairing") -> "VersionDiff":  # noqa: ARG001 (the key)
    return paired_diff(_pair)


def _causes(changes: "VersionDiff") -> None:
    """Causes of the difference: recipe, verifiers, machine."""
    st.header("Changed settings", anchor=False)
    if changes.same_content:
        st.success("The two versions hold the same content.")
    rows = [
        (visible(f"{kind}{change.key}"), _value(change.old), _value(change.new))
        for kind, differences in (("", changes.recipe), ("", changes.verifiers), ("machine: ", changes.fingerprint))
        for change in differences
    ]
    short = [row for row in rows if max(map(len, row)) <= CELL and "\n" not in "".join(row)]
    if short:
        st.dataframe(pd.DataFrame(short, columns=["setting", changes.before, changes.after]), hide_index=True)
    for setting, old, new in (row for row in rows if row not in short):
        st.subheader(inert(setting), anchor=False)
        show_differences(old, new)
    if not rows:
        st.caption("Recipe, verifiers and machine are the same.")


def _value(value: object) -> str:
    return "none" if value is None else visible(value)


def _flow(changes: "VersionDiff") -> None:
    """Moves between decisions, as a table of counts; a click on a cell chooses its rows."""
    st.header("Changed decisions", anchor=False)
    st.caption(
        f"Rollouts by what was decided in {changes.before} (down) and in {changes.after} (across), with counts. Grey cells "
        "did not change; the darker a cell, the more rollouts changed that way. Click one to see its rows."
    )
    st.altair_chart(_heat(changes), on_select=_chosen, selection_mode="cell", key="flow", width="stretch")


def _chosen() -> None:
    cells = st.session_state["flow"].selection.get("cell") or []
    if cells:
        st.query_params.update({"was": cells[0]["was"], "became": cells[0]["became"]})
        forget_old(("row",), FIRST_PAGE)


def _heat(changes: "VersionDiff") -> AnyChart:
    frame = pd.DataFrame(
        [{**_named(move, changes), "rollouts": move.count, "same": move.old == move.new} for move in changes.flow]
    )
    changed = frame.loc[~frame["same"], "rollouts"]
    # The square root, or all rare moves would look equally pale beside a common one.
    frame["dark"] = (frame["rollouts"] / max(1, changed.max() if len(changed) else 1)) ** 0.5
    frame.loc[frame["same"], "dark"] = 0.0
    order = [*_order(changes.flow), _state(None, changes.before), _state(None, changes.after)]
    cell = alt.selection_point(name="cell", fields=["was", "became"], toggle=False, empty=False)
    base = alt.Chart(frame).encode(
        x=alt.X("became:N", title=changes.after, sort=order, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=140)),
        y=alt.Y("was:N", title=changes.before, sort=order, axis=alt.Axis(labelLimit=160)),
        tooltip=["was", "became", alt.Tooltip("rollouts:Q", format=",")],
    )
    colour = alt.Color("dark:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=["#cfe8ff", "#0550ae"]))
    boxes = base.mark_rect(cornerRadius=3, stroke=None).encode(
        color=alt.condition("datum.same", alt.value("#d0d7de"), colour),
        opacity=alt.condition(cell, alt.value(1.0), alt.value(0.85)),
        strokeWidth=alt.condition(cell, alt.value(3), alt.value(0)),
        stroke=alt.value("#bf8700"),
    )
    words = base.mark_text(fontWeight="bold").encode(
        text=alt.Text("rollouts:Q", format=","),
        color=alt.condition("datum.dark > 0.45", alt.value("#ffffff"), alt.value("#1f2328")),
    )
    return chart_of_rows(alt.layer(boxes.add_params(cell), words), frame["was"].nunique(), 38)


def _named(move: "Move", changes: "VersionDiff") -> dict[str, str]:
    return {"was": _state(move.old, changes.before), "became": _state(move.new, changes.after)}


def _state(state: str | None, version: str) -> str:
    return f"not in {version}" if state is None else visible(state)


def _order(flow: "Sequence[Move]") -> list[str]:
    """Kept first, then the reasons by their number of rollouts; a missing rollout last."""
    counts: dict[str, int] = {}
    for move in flow:
        for state in (move.old, move.new):
            if state is not None:
                counts[visible(state)] = counts.get(visible(state), 0) + move.count
    return sorted(counts, key=lambda state: (not state.startswith("kept"), -counts[state], state))


def _rows(pair: "Pairing", changes: "VersionDiff") -> None:
    """The rows of the chosen move, a page at a time; a row opens on request."""
    moves = {tuple(_named(move, changes).values()): move for move in changes.flow}
    changed = [key for key, move in moves.items() if move.old != move.new]
    addressed = (st.query_params.get("was"), st.query_params.get("became"))
    if not changed and addressed == (None, None):
        st.info("No decision changed.")
        return
    options = [f"{was} → {became}" for was, became in moves]
    default = f"{changed[0][0]} → {changed[0][1]}" if changed else options[0]
    wanted = f"{addressed[0]} → {addressed[1]}" if addressed != (None, None) else default
    if wanted not in options:
        st.warning("No rollout went this way:")
        st.code(visible(wanted), language=None)
        wanted = default
    (was, became), move = next((key, move) for key, move in moves.items() if f"{key[0]} → {key[1]}" == wanted)
    st.subheader(f"{counted(move.count, 'rollout')}: {inert(was)} → {inert(became)}", anchor=False)
    pages = -(-move.count // PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    rows = _page_of(pair.before.content_hash, pair.after.content_hash, move.old, move.new, PAGE * (page - 1), pair)
    table = pd.DataFrame(
        {
            "problem": [visible(row.prompt[:300]) for row in rows],
            changes.before: [_decided(was, row.row.old_outcome) for row in rows],
            changes.after: [_decided(became, row.row.new_outcome) for row in rows],
            "completion": [row.row.completion_id for row in rows],
        }
    )

    def clicked() -> None:
        places = st.session_state["changed"].selection.rows
        if places:
            st.query_params["row"] = rows[places[0]].row.completion_id

    st.dataframe(table, hide_index=True, key="changed", on_select=clicked, selection_mode="single-row")
    chosen = st.query_params.get("row")
    row_shown = next((row for row in rows if row.row.completion_id == chosen), rows[0] if rows and chosen is None else None)
    if row_shown is None:
        st.caption("The row that the address names is not on this page.")
        return
    _sides(row_shown, pair)


def _decided(state: str, outcome: str | None) -> str:
    return state if outcome is None else f"{state} ({outcome})"


@st.cache_resource(show_spinner=False, max_entries=200)
def _page_of(old: str, new: str, was: str | None, became: str | None, first: int, _pair: "Pairing") -> "list[ChangedRow]":  # noqa: ARG001 (the key)
    return changed_rows(_pair, was, became, first, PAGE)


def _sides(chosen: "ChangedRow", pair: "Pairing") -> None:
    """A rollout: the problem, then each version's decisions side by side; a common text is shown once."""
    sides = both_sides(reader(), pair, chosen.row)
    _problems(sides)
    stored = [rollout.completion for rollout in sides.rollouts if rollout is not None and rollout.completion is not None]
    texts = [raw_text(completion) for completion in stored]
    if len(set(texts)) == 1:
        st.markdown("**Text**, the same in both versions" if len(texts) == 2 else "**Text**")
        show_completion(stored[0], f"both-{chosen.row.completion_id}")
    elif texts:
        show_differences(*texts)
    columns = st.columns(2)
    for column, info, rollout, problem in zip(
        columns, (pair.before, pair.after), sides.rollouts, sides.problems, strict=True
    ):
        with column:
            st.subheader(info.ref, anchor=False)
            if rollout is None or problem is None:
                st.caption("This version does not hold the rollout.")
                continue
            show_verdict(rollout, Subject(problem, rollout.completion, rule_words(reader(), rollout.verdicts)), marks=False)
            st.code(visible(record(rollout)), language=None, wrap_lines=True)
            link("Explore", "All rollouts of the problem", of=f"version {info.ref}", problem=chosen.row.problem_id)


def _problems(sides: "BothSides") -> None:
    first, second = sides.problems
    shown = second or first
    if shown is not None:
        show_facts(shown)


def _effects(changes: "VersionDiff") -> None:
    """Effects in numbers: problems, outcomes, repaired references, metrics."""
    with st.expander("Members, outcomes, repaired references and metrics"):
        members = [
            {
                "of": name,
                "added": membership.added,
                "removed": membership.removed,
                "kept of the added": membership.kept_added,
                "kept of the removed": membership.kept_removed,
            }
            for name, membership in (("problems", changes.problems), ("rollouts", changes.rollouts))
        ]
        _section("Members", members)
        flips = [{"was": move.old, "became": move.new, "rollouts": move.count} for move in changes.outcome_flips]
        _section("Outcomes that changed", flips)
        _section("Repaired references", [vars(repair) for repair in changes.repaired])
        _section("Pass rate by level", [vars(level) for level in changes.levels])
        _section("Metrics", [vars(metric) for metric in changes.metrics])


def _section(title: str, rows: Sequence[dict[str, Any]]) -> None:
    st.markdown(f"**{inert(title)}**")
    if not rows:
        st.caption("no change")
        return
    shown = [
        {key: value if isinstance(value, int | float) else _value(value) for key, value in row.items()} for row in rows
    ]
    st.dataframe(pd.DataFrame(shown), hide_index=True)
