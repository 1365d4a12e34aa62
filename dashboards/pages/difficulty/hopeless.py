"""The hopeless queue of a run: problems that it gave up or never solved, with the evidence and the next steps."""

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.session.address import OPEN, explore_link
from rollmill.dashboards.session.kept import kept
from rollmill.dashboards.units import counted
from rollmill.storage.queries import Scope
from rollmill.storage.queries.browse.problems import prompt_text
from rollmill.storage.queries.judge.queue import HopelessQueue, QueueEntry, hopeless_queue

QUEUE_ROWS, QUEUE_HEIGHT = 500, 320  # of the table of hopeless problems: rows at most, pixels


def hopeless_section(scope: Scope) -> None:
    """Draw the section of hopeless problems, if the scope is a run that has any."""
    if scope.run is None:
        return
    queue = kept(hopeless_queue, scope)
    if not queue.problems:
        return
    with st.expander(
        f"Hopeless queue: {counted(len(queue.problems), 'problem')}, {counted(queue.tokens, 'token')} spent on them"
    ):
        rows = queue.problems[:QUEUE_ROWS]
        st.dataframe(
            _queue_table(rows, queue.run), hide_index=True, width="stretch", height=QUEUE_HEIGHT, column_config=OPEN
        )
        if len(queue.problems) > QUEUE_ROWS:
            st.caption(f"The first {QUEUE_ROWS:,}, the hardest levels first.")
        st.caption(_rule(queue))
        st.code(f"rollmill runs queue {queue.run} --out hopeless.jsonl", language=None)


def _queue_table(rows: tuple[QueueEntry, ...], run: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [one_line(prompt_text(row.problem.prompt)[:1000], 160) for row in rows],
            "level": [row.problem.level for row in rows],
            "drawn": [row.drawn for row in rows],
            "correct": [row.correct for row in rows],
            "p below": [row.upper for row in rows],
            "tokens": [row.tokens for row in rows],
            "reason": [row.reason for row in rows],
            "went on": [row.continued for row in rows],
            "open": [explore_link(f"run {run}", problem=row.problem.id) for row in rows],
            "id": [row.problem.id for row in rows],
        }
    )


def _rule(queue: HopelessQueue) -> str:
    """Error rate of giving up, if some problems continued at random."""
    rule = queue.rule
    bounds = "`p below`: by the posterior that gave the problem up, else the exact one-sided 95% bound."
    if rule.error is None:
        return bounds
    interval = f"95% interval {rule.error.low:.1%} to {rule.error.high:.1%} (Clopper-Pearson)"
    cut = f", {rule.cut:,} ended because the total was spent" if rule.cut else ""
    return (
        f"{bounds} Of {counted(rule.ended, 'given-up problem')} that continued at random {rule.met:,} met their target"
        f"{cut}: {rule.error.value:.1%} given up wrongly, {interval}."
    )
