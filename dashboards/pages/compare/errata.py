"""Errata on the page Compare: recorded faults of the compared problems, rates and ranks with them applied, and suspects."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.pages.compare.sides import AND, ComparedSubject, read_sides, scope_of
from rollmill.dashboards.session.address import OPEN, explore_link
from rollmill.dashboards.session.asked import ask, wait_for
from rollmill.dashboards.session.commands import may_write
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries import Reader
from rollmill.storage.queries.judge.errata import FAULTS, Errata, Erratum
from rollmill.storage.queries.judge.suspects import Suspect, suspects

BOARD = "compare-errata"  # slot of the question
LONGEST = 200  # characters of a prompt or a reason
SIGNS = {  # a narrow page shows up to the problem
    "sign": st.column_config.TextColumn(width=345),
    "recorded": st.column_config.TextColumn(width=80, help="the entry of errata.jsonl that records it"),
    "problem": st.column_config.TextColumn(width=105),
    "prompt": st.column_config.TextColumn(width=260),
}
MOVES = {
    "as judged": st.column_config.NumberColumn(format="%.3f"),
    "change": st.column_config.NumberColumn(format="%+.3f"),
}


def show_errata(subject: ComparedSubject) -> None:
    """Draw the error ledger's entries for the subject, their effect on its leaderboard, and problems that may be faulty."""
    where: Mapping[str, str] = subject.kept(_places)
    entries = [entry for entry in Errata(reader().root).all() if entry.problem in where]
    if entries:
        st.markdown(f"**Recorded faults**: {counted(len(entries), 'entry', 'entries')} of errata.jsonl.")
        st.dataframe(entry_table(entries, where), hide_index=True, width="stretch", column_config=OPEN)
        _corrected(subject, entries)
    else:
        st.info("No fault of these problems is recorded in errata.jsonl: every rate is as it was judged.")
    _suspects(subject, where, entries)


def _places(source: Reader, name: str, split: str) -> dict[str, str]:
    """The address in Explore of every problem of the subject."""
    places: dict[str, str] = {}
    for side in read_sides(source, name, split):
        of = f"{'version' if '@' in scope_of(side) else 'run'} {scope_of(side)}"
        places |= {problem: explore_link(of, problem=problem) for problem in side.pool.problems if problem not in places}
    return places


def entry_table(entries: Sequence[Erratum], where: Mapping[str, str]) -> pd.DataFrame:
    """A row for each entry: the fault, what becomes of the problem, who says so, and its rollouts."""
    return pd.DataFrame(
        [
            {
                "open": where[entry.problem],
                "problem": entry.problem[:12],
                "fault": visible(FAULTS.get(entry.fault, entry.fault)),
                "right reference": "left out" if entry.reference is None else one_line(entry.reference, LONGEST),
                "reason": one_line(entry.reason, LONGEST),
                "by": visible(entry.by),
                "at": entry.at[:10],
                "state": f"withdrawn by {one_line(entry.withdrawn, LONGEST)}" if entry.withdrawn else "counts",
            }
            for entry in entries
        ]
    )


def _corrected(subject: ComparedSubject, entries: Sequence[Erratum]) -> None:
    """Rates and ranks as judged and as corrected, by `rollmill leaderboard --errata`, which judges answers again."""
    active = tuple(entry.id for entry in entries if not entry.withdrawn)
    if not active:
        st.caption("All of them are withdrawn: the leaderboard stands as it is.")
        return
    names = subject.name.split(AND)
    by = () if subject.split == "as they are" else (f"--by={subject.split}",)
    if not may_write():
        st.caption("A read-only view judges nothing again. The corrected leaderboard is:")
        st.code(visible(" ".join(["rollmill leaderboard", *names, *by, "--errata"])), language=None)
        return
    answer = ask(BOARD, ["leaderboard", "--errata", "--json", *by, "--", *names], (subject.state, active))
    if answer is None:
        wait_for((BOARD,), "Judging answers by the corrected references")
    elif not isinstance(answer.row, Mapping):
        st.warning(inert(answer.sentence, 600))
    else:
        st.markdown("**The leaderboard with them applied**; nothing stored has changed.")
        errata = answer.row["errata"]
        st.dataframe(move_table(answer.row), hide_index=True, width="stretch", column_config=MOVES)
        st.caption(
            f"{counted(errata['left_out'], 'problem')} left out, {errata['judged_again']:,} judged again by a corrected "
            "reference."
        )


def move_table(board: Mapping[str, Any]) -> pd.DataFrame:
    """Rate and rank of each model on each benchmark, and of its mean, before and after the errata; `board`: corrected."""
    errata = board["errata"]
    intervals = {(row["model"], row["benchmark"]): row for row in board["cells"]}
    intervals |= {(model, "mean"): mean for model, mean in board["means"].items() if mean is not None}
    means = [{**row, "benchmark": "mean", "problems": None} for row in errata["means"]]
    several = len({row["benchmark"] for row in errata["moves"]}) > 1
    moves = sorted(errata["moves"], key=lambda row: (row["benchmark"], row["rank"][1] is None, row["rank"][1]))
    return pd.DataFrame(
        [
            {
                "model": visible(row["model"]),
                "benchmark": visible(row["benchmark"]),
                "problems": "" if row["problems"] is None else _to(row["problems"]),
                "as judged": row["value_before"],
                "corrected [95%]": _rate(intervals[row["model"], row["benchmark"]]),
                "change": row["change"],
                "rank": _to(row["rank"]),
            }
            for row in [*moves, *(means if several else ())]
        ]
    )


def _rate(row: Mapping[str, Any]) -> str:
    return "" if row["value"] is None else with_interval(row["value"], row["low"], row["high"])


def _to(pair: Sequence[int | None]) -> str:
    before, after = ("-" if value is None else f"{value:,}" for value in pair)
    return before if before == after else f"{before} to {after}"


def _found(source: Reader, name: str, split: str, counting: Sequence[str]) -> list[Suspect]:
    """The suspects of each part of the subject. `counting`: the entries that they may be recorded by."""
    del split, counting
    return [row for part in name.split(AND) for row in suspects(source, part)]


def _suspects(subject: ComparedSubject, where: Mapping[str, str], entries: Sequence[Erratum]) -> None:
    counting = tuple(entry.id for entry in entries if not entry.withdrawn)
    signs: list[Suspect] = subject.kept(_found, counting)
    if not signs:
        st.caption("No problem shows a sign of a fault: no repeated prompt, no missing reference, no shared wrong answer.")
        return
    st.markdown(f"**Problems that may be faulty**: {counted(len(signs), 'sign')} for people to look at.")
    table = pd.DataFrame(
        [
            {
                "open": where.get(row.problem),
                "sign": one_line(row.why, LONGEST),
                "recorded": row.recorded,
                "problem": row.problem[:12],
                "prompt": one_line(row.prompt, LONGEST),
                "would be": visible(FAULTS.get(row.fault, row.fault)),
            }
            for row in signs
        ]
    )
    st.dataframe(table, hide_index=True, width="stretch", column_config={**OPEN, **SIGNS}, placeholder="")
    name = subject.name.split(AND)[0]
    st.code(
        visible(f"rollmill errata add {name} PROBLEM --fault {signs[0].fault} --reason TEXT --by NAME"),
        language=None,
        wrap_lines=True,
    )
