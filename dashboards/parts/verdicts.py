"""Verdicts of a rollout: chips with outcome and decision, the evidence in a line, and the whole record."""

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.parts.rollout import COLOURS
from rollmill.dashboards.units import counted
from rollmill.storage.queries import RolloutDetail
from rollmill.storage.queries.browse.evidence import Subject, VerdictEvidence, evidence_of
from rollmill.storage.queries.browse.why import brief, evidence_lines

ICONS = {"correct": ":material/check:", "incorrect": ":material/close:", "unparsed": ":material/question_mark:"}
# A mark that is no colour alone, and holds a formula of several lines.
MARKS = """<style>
span.stMarkdownColoredBackground { text-decoration: underline; text-decoration-thickness: 2px; }
span.stMarkdownColoredBackground:has(.katex) { display: inline-block; border-bottom: 2px solid; }
</style>"""


def show_verdict(rollout: RolloutDetail, of: Subject, *, marks: bool = True) -> VerdictEvidence | None:
    """Chips and evidence lines; the evidence whose answer is to be marked in the text, of the verdict that decided.

    `marks`: whether the text is shown with its mark.
    """
    _chips(rollout)
    told = [evidence_of(verdict, of) for verdict in rollout.verdicts]
    told.sort(key=lambda evidence: evidence.verdict != rollout.deciding)
    placed = [evidence for evidence in told if evidence.place is not None]
    marked = placed[0] if marks and placed and (rollout.deciding is None or placed[0] is told[0]) else None
    for evidence in told:
        _line(evidence, named=len(told) > 1, marked=evidence is marked)
    if marked is not None:
        st.html(MARKS)
    return marked


def _chips(rollout: RolloutDetail) -> None:
    """The outcome, the decision with its reason, the scores, and who drew it."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        by = f"by {inert(rollout.accepted_by)}" if rollout.accepted_by else None
        colour, icon = COLOURS.get(rollout.outcome, "gray"), ICONS.get(rollout.outcome)
        st.badge(inert(rollout.outcome), color=colour, icon=icon, help=by)
        if rollout.kept is None:
            st.badge("not decided yet", color="gray")
        else:
            why = "" if rollout.reason == "kept" else f": {inert(rollout.reason, 60)}"
            st.badge(f"{'kept' if rollout.kept else 'dropped'}{why}", color="blue" if rollout.kept else "gray")
        for score in rollout.scores:
            st.badge(f"{inert(score.scorer, 30)} {score.value:.3g}", color="gray")
        if rollout.completion is not None:
            completion = rollout.completion
            cut = ", cut off" if completion.finish_reason == "length" else ""
            tokens = "" if completion.tokens_out is None else f" · {counted(completion.tokens_out, 'token')}{cut}"
            st.caption(f"{inert(completion.model, 60)} · {_sample(rollout)}{tokens}")


def _sample(rollout: RolloutDetail) -> str:
    return f"{inert(rollout.step, 30)} sample {rollout.sample_index}" if rollout.step else f"sample {rollout.sample_index}"


def _line(evidence: VerdictEvidence, *, named: bool, marked: bool) -> None:
    """`extracted 42 in the last box, reference 8: numbers compared exactly`, the rule's name in its hint."""
    verdict = evidence.verdict
    if evidence.extracted is None:
        read = "nothing extracted"
    else:
        read = f"extracted **{inert(evidence.extracted)}**{f' {inert(evidence.found)}' if evidence.found else ''}"
    against = f", reference **{inert(evidence.reference)}**" if evidence.reference else ""
    who = f":{COLOURS[verdict.outcome]}[{verdict.outcome}] by {inert(verdict.verifier, 40)}: " if named else ""
    unknown = evidence.extracted is not None and evidence.place is None
    place = " · marked in the text" if marked else " · :gray[its place in the text is not known]" if unknown else ""
    st.markdown(
        f"{who}{read}{against}: {inert(evidence.how, 400)}{place}",
        help=f"rule {inert(verdict.rule, 100)} of {inert(verdict.verifier, 40)} {inert(verdict.version, 400)}",
    )
    if evidence.details:
        st.caption("  \n".join(inert(detail) for detail in evidence.details))


def record(rollout: RolloutDetail) -> str:
    """The record of one rollout in aligned lines: sampling, verdicts with the rule that decided, the decision."""
    completion = rollout.completion
    lines = []
    if completion is not None:
        lines.append(f"completion  {completion.id}")
        lines.append(
            f"model       {completion.model} ({completion.engine}, {completion.model_digest}), seed {completion.seed}"
        )
        lines.append(
            f"finish      {completion.finish_reason}, {completion.tokens_out} tokens, log-prob {completion.logprob_sum}"
        )
    for verdict in rollout.verdicts:
        mark = "*" if verdict == rollout.deciding else " "
        lines.append(
            f"verdict   {mark} {verdict.outcome} by {verdict.verifier} {verdict.version}, rule {verdict.rule}, "
            f"extracted {brief(verdict.extracted)} against {brief(verdict.reference_form)}"
            + (f", cause {verdict.cause}" if verdict.cause else "")
        )
        lines += [f"              {told}" for told in evidence_lines(verdict.evidence)]
    if rollout.deciding is None and rollout.accepted_by is not None:
        lines.append(f"accepted    {rollout.outcome} by {rollout.accepted_by}")
    lines.append(
        f"decision    {'none yet' if rollout.kept is None else 'kept' if rollout.kept else 'dropped'}: {rollout.reason}"
    )
    for score in rollout.scores:
        by_line = "" if score.steps is None else f", by line {' '.join(f'{step:.3g}' for step in score.steps)}"
        lines.append(f"score       {score.value:.6g} by {score.scorer} {score.version}{by_line}")
    if rollout.label is not None:
        lines.append(f"label       the import called it {'correct' if rollout.label else 'incorrect'} (not a verdict)")
    return "\n".join(lines)
