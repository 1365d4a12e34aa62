"""The hopeless queue of a run as a section of the problems page: who is in it and why. Text stays inert."""

import pandas as pd
import streamlit as st

from storage.queries import Scope
from storage.queries.queue import HopelessQueue, Queued, hopeless_queue

MOST = 500
HEIGHT = 320


def hopeless_section(scope: Scope) -> None:
    """The section; nothing for a dataset version or a run without hopeless problems."""
    if scope.run is None:
        return
    queue = hopeless_queue(scope)
    if not queue.problems:
        return
    with st.expander(f"Hopeless queue: {len(queue.problems):,} problems, {queue.tokens:,} tokens spent on them"):
        rows = queue.problems[:MOST]
        st.dataframe(_table(rows), hide_index=True, width="stretch", height=HEIGHT, key="hopeless-table")
        if len(queue.problems) > MOST:
            st.caption(f"The first {MOST:,}, the hardest levels first.")
        st.caption(_rule(queue))
        st.code(f"rollmill runs queue {queue.run} --out hopeless.jsonl", language=None)


def _table(rows: tuple[Queued, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [_brief(one) for one in rows],
            "level": [one.problem.level for one in rows],
            "drawn": [one.drawn for one in rows],
            "correct": [one.correct for one in rows],
            "p below": [one.upper for one in rows],
            "tokens": [one.tokens for one in rows],
            "reason": [one.reason for one in rows],
            "went on": [one.continued for one in rows],
            "id": [one.problem.id for one in rows],
        }
    )


def _brief(one: Queued) -> str:
    prompt = one.problem.prompt
    text = prompt if isinstance(prompt, str) else " ".join(message.content for message in prompt)
    return " ".join(text.split())[:160]


def _rule(queue: HopelessQueue) -> str:
    """How often giving up was wrong, where some went on at random."""
    rule = queue.rule
    bounds = "`p below`: by the posterior that gave the problem up, else the exact one-sided 95% bound."
    if rule.error is None:
        return bounds
    interval = f"95% interval {rule.error.low:.1%} to {rule.error.high:.1%} (Clopper-Pearson)"
    return (
        f"{bounds} Of {rule.ended:,} problems given up that went on at random {rule.met:,} met their target: "
        f"{rule.error.value:.1%} given up wrongly, {interval}."
    )
