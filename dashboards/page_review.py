"""Review: a person judges rollouts that an audit drew, or that no verifier could decide, and sees the rates that follow.

What the verifier said is hidden until it is asked for. The page stores judgements through storage.queries, nothing else.
"""

import pandas as pd
import streamlit as st

from dashboards.address import choose
from dashboards.commands import may_write, why_not
from dashboards.inert import inert, show_text, visible
from dashboards.scope_choice import reader
from dashboards.verifier_rates import show_rates
from storage.queries import (
    Queue,
    ReviewItem,
    audit_queue,
    audit_queues,
    judge_one,
    known_rates,
    review_item,
    runs,
    undecided_queue,
    waiting,
)

CHOICES = (
    ("correct", "Correct", "the answer is right"),
    ("incorrect", "Incorrect", "the answer is wrong"),
    ("unparsed", "No answer", "the completion gives no answer"),
    ("unsure", "Cannot tell", "left out of the rates, and counted"),
)
UNDECIDED = "undecided rollouts of "


def show() -> None:
    """Draw the page."""
    st.title("Review")
    queue = _choose()
    if queue is None:
        return
    who = st.sidebar.text_input("Your name", key="review-judge")
    hinted = st.sidebar.toggle(
        "Show what the verifier said", key="review-hint", help="Seeing it first pulls judgements towards it."
    )
    if not who.strip():
        st.info("Enter your name in the sidebar: judgements are kept by reviewer.")
    else:
        _review(queue, who.strip(), hinted=hinted)
    if queue.audit is not None:
        st.subheader("Rates so far")
        show_rates(known_rates(reader().audits, [(queue.audit.verifier, queue.audit.version)], queue.audit.source))


def _choose() -> Queue | None:
    options = {title: audit for audit, title in audit_queues(reader())}
    sources = [*options, *(f"{UNDECIDED}{run.id}" for run in runs(reader()))]
    if not sources:
        st.info("Nothing to review yet.")
        st.code("rollmill curate recipes/arithmetic.yaml", language=None)
        return None
    if not options:
        st.info("No audit has drawn rollouts yet; undecided ones can be judged below.")
        st.code("rollmill audit verifier math --n 300", language=None)
    chosen = choose("Queue", sources, "queue", where=st.container())
    if chosen in options:
        return audit_queue(reader(), options[chosen])
    return undecided_queue(reader(), chosen.removeprefix(UNDECIDED))


def _review(queue: Queue, who: str, *, hinted: bool) -> None:
    left = waiting(reader(), queue, who)
    total = len(queue.pairs)
    judged = total - len(left)
    st.progress(judged / total if total else 1.0, text=f"{judged:,} of {total:,} judged by {inert(who)}")
    # Skipped for this visit only: nothing is stored of them, and the next visit begins with them.
    skipped: set[int] = st.session_state.setdefault(f"review-skipped-{queue.title}", set())
    open_items = [position for position in left if position not in skipped]
    if not open_items:
        st.success("Nothing is left here." if not left else f"{len(left):,} skipped ones are left.")
        if left and st.button("Show the skipped ones", key="review-again"):
            skipped.clear()
            st.rerun()
        return
    item = review_item(reader(), queue, open_items[0])
    _item(item, hinted=hinted)
    if not may_write():
        st.info(why_not())
    note = st.text_input("Note", key=f"review-note-{item.completion_id}")
    columns = st.columns(len(CHOICES) + 1)
    for column, (judgement, label, meaning) in zip(columns, CHOICES, strict=False):
        if column.button(label, key=f"review-{judgement}", help=meaning, width="stretch", disabled=not may_write()):
            judge_one(reader(), queue, item, who, judgement, note)
            st.rerun()
    if columns[-1].button("Skip", key="review-skip", width="stretch"):
        skipped.add(item.position)
        st.rerun()


def _item(item: ReviewItem, *, hinted: bool) -> None:
    st.subheader("Problem")
    show_text(item.prompt, f"review-prompt-{item.position}")
    left, right = st.columns(2)
    left.markdown("**Reference**")
    left.code(visible(item.reference or "none"), language=None, wrap_lines=True)
    right.markdown("**Extracted answer**")
    right.code("nothing" if item.extracted is None else visible(item.extracted), language=None, wrap_lines=True)
    if item.tests:
        with st.expander(f"{len(item.tests)} tests"):
            show_text("\n".join(item.tests), f"review-tests-{item.position}", "python")
    st.markdown("**The completion's end**")
    show_text(item.ending, f"review-ending-{item.position}")
    if len(item.text) > len(item.ending):
        with st.expander("The whole completion"):
            show_text(item.text, f"review-text-{item.position}")
    if hinted:
        rows = [
            {"verifier": v.verifier, "version": v.version, "outcome": v.outcome, "rule": v.rule, "cause": v.cause}
            for v in item.verdicts
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
