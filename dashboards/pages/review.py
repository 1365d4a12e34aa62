"""Review: a person judges rollouts that an audit drew, or that no verifier could decide, and sees the resulting rates.

The verdicts are hidden until the person requests them. The page stores judgements through rollmill.storage.queries, nothing
else.
"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, show_text
from rollmill.dashboards.parts.rollout import show_prose
from rollmill.dashboards.parts.verifier_rates import show_rates
from rollmill.dashboards.session.address import choose
from rollmill.dashboards.session.commands import command_button, may_write, read_only_reason, typed
from rollmill.dashboards.session.kept import kept_by
from rollmill.dashboards.session.reviewer import remember, reviewer
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.storage.queries import (
    Queue,
    Reader,
    ReviewItem,
    audit_queue,
    audit_queues,
    known_rates,
    runs,
    undecided_queue,
    unjudged_positions,
)
from rollmill.storage.queries.judge.review import UNDECIDED, identical, judge_all, review_items, review_progress

Pairs = Sequence[tuple[str, str]]
CHOICES = (
    ("correct", "Correct", "1", "the answer is right"),
    ("incorrect", "Incorrect", "2", "the answer is wrong"),
    ("unparsed", "No answer", "3", "the completion gives no answer"),
    ("unsure", "Cannot tell", "4", "left out of the rates, and counted"),
)
AHEAD = 20  # rollouts whose texts are read at once
PANEL = "review-panel"
STICKY = f"<style>.st-key-{PANEL} {{ position: sticky; top: 4.5rem; }}</style>"


def show() -> None:
    """Draw the page."""
    st.title("Review")
    queue = _choose()
    if queue is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        who = reviewer()
        hinted = st.toggle("Show the verdict", key="review-hint", help="Seeing it first pulls judgements towards it.")
        remember(who)
    if not who:
        st.info("Type your name: judgements are kept by reviewer.")
    else:
        _review(queue, who, hinted=hinted)
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


@st.fragment
def _review(queue: Queue, who: str, *, hinted: bool) -> None:
    """A rollout and the panel; only this part is drawn again after a judgement."""
    left = unjudged_positions(reader(), queue, who)
    # Skipped for this visit only: nothing is stored, and the next visit begins with them.
    skipped: set[int] = st.session_state.setdefault(f"review-skipped-{queue.title}", set())
    open_items = [position for position in left if position not in skipped]
    item = _item_at(queue, open_items[0]) if open_items else None
    text, side = st.columns([3, 2], gap="medium")
    with text:
        if item is None:
            st.success("Nothing is left here." if not left else f"{counted(len(left), 'skipped rollout')} left.")
            if left:
                st.button("Show the skipped ones", key="review-again", on_click=skipped.clear)
        else:
            _item(item, hinted=hinted)
    with side, st.container(key=PANEL, border=True):
        st.html(STICKY)
        _panel(queue, who, left, item, skipped)


def _item_at(queue: Queue, position: int) -> ReviewItem:
    """The item with its texts, which never change: read with its neighbours, so that the next one is cached."""
    block = range(position // AHEAD * AHEAD, min(len(queue.pairs), (position // AHEAD + 1) * AHEAD))

    def neighbours(source: Reader) -> list[ReviewItem]:
        return review_items(source, queue, block)

    # The nested function has one name for all queues: this state separates their cached answers.
    return kept_by((hash(queue.pairs), block), reader(), neighbours)[position - block.start]


def _panel(queue: Queue, who: str, left: Sequence[int], item: ReviewItem | None, skipped: set[int]) -> None:
    """Panel of a reviewer: judge with keys, judge all of one answer at once on request, skip and undo; and the progress."""
    total = len(queue.pairs)
    judged = total - len(left)
    st.progress(judged / total if total else 1.0, text=f"{judged:,} of {total:,} judged by {inert(who)}")
    if not may_write():
        st.info(read_only_reason())
    if item is not None:
        st.markdown("**Reference**")
        st.code(one_line(item.reference or "none"), language=None, wrap_lines=True)
        st.markdown("**Extracted answer**")
        st.code("nothing" if item.extracted is None else one_line(item.extracted), language=None, wrap_lines=True)
        same = identical(reader(), queue, item, left)
        label = f"{len(same):,} more with this answer to this problem: judge them alike"
        alike = same if same and st.checkbox(label, key=f"review-alike-{item.position}") else []
        note = st.text_input("Note", key=f"review-note-{item.completion_id}")
        for judgement, name, key, meaning in CHOICES:
            st.button(
                name,
                key=f"review-{judgement}",
                help=meaning,
                shortcut=key,
                width="stretch",
                disabled=not may_write(),
                on_click=_judge,
                args=(queue, [item, *alike], who, judgement, note),
            )
    done: list[Pairs] = st.session_state.setdefault(f"review-done-{queue.title}-{who}", [])
    with st.container(horizontal=True):
        if item is not None:
            st.button("Skip", key="review-skip", shortcut="S", on_click=skipped.add, args=(item.position,))
        undone = f"Undo ({len(done[-1])})" if done and len(done[-1]) > 1 else "Undo"
        st.button(
            undone,
            key="review-undo",
            shortcut="U",
            disabled=not (done and may_write()),
            on_click=_undo,
            args=(who, done),
        )
    _show_progress(queue)


def _judge(queue: Queue, items: Sequence[ReviewItem], who: str, judgement: str, note: str) -> None:
    judge_all(reader(), items, who, judgement, note)
    pairs = [(item.completion_id, item.problem_id) for item in items]
    st.session_state.setdefault(f"review-done-{queue.title}-{who}", []).append(pairs)


def _undo(who: str, done: list[Pairs]) -> None:
    if done:
        reader().audits.withdraw(done.pop(), who)


def _show_progress(queue: Queue) -> None:
    """Judgements by reviewer, the reviewers' agreement, and the uses of the judgements."""
    standing = review_progress(reader(), queue)
    people = ", ".join(f"{inert(name, 30)} {count:,}" for name, count in standing["judged"].items())
    st.caption(f"Judged: {people or 'nothing yet'}.")
    for name, key, of in (("Pairs that agree", "agreement", "pairs"), ("Krippendorff's alpha", "alpha", "judgements")):
        if rate := standing[key]:
            interval = f"95% interval {rate['low']:.2f} to {rate['high']:.2f}"
            st.caption(f"{name}: {rate['value']:.2f}, {interval}, n = {rate['n']:,} {of}.")
    if standing["alpha"] is None:
        st.caption("Krippendorff's alpha needs 20 rollouts judged by two people, in two ways at least.")
    if queue.audit is None:
        st.caption("Judgements count once they are applied: in a new run and version, whose rows say that people judged.")
        apply = ["review", "--undecided", queue.run, "--apply"]
        if standing["judged"]:
            command_button("Apply judgements", apply, key="review-apply", confirm=True)
        else:
            st.code(typed(apply), language=None)
    else:
        st.code(f"rollmill audit show {queue.audit.id}", language=None, wrap_lines=True)


def _item(item: ReviewItem, *, hinted: bool) -> None:
    st.subheader("Problem")
    show_prose(item.prompt, f"review-prompt-{item.position}")
    if item.tests:
        with st.expander(counted(len(item.tests), "test")):
            show_text("\n".join(item.tests), f"review-tests-{item.position}", "python")
    st.markdown("**The completion's end**")
    show_prose(item.ending, f"review-ending-{item.position}")
    if len(item.text) > len(item.ending):
        with st.expander("The whole completion"):
            show_text(item.text, f"review-text-{item.position}")
    if hinted:
        rows = [
            {"verifier": v.verifier, "version": v.version, "outcome": v.outcome, "rule": v.rule, "cause": v.cause}
            for v in item.verdicts
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
