"""One problem with its rollouts: texts, verdicts with the rule that decided, decision, scores. All of it is inert."""

from collections.abc import Sequence

import streamlit as st

from dashboards.inert import inert, show_text, visible
from pipelines.stats import pass_rate_interval
from storage.queries import ProblemDetail, RolloutDetail, Scope
from storage.queries.why import brief, evidence_lines
from storage.records import JUDGED, Message, Problem, Prompt

MOST = 40  # rollouts laid out at once
MARKS = {
    "correct": ":green[correct]",
    "incorrect": ":red[incorrect]",
    "unparsed": ":orange[unparsed]",
    "undecided": ":violet[undecided]",
}


def show_problem(detail: ProblemDetail, scope: Scope) -> None:
    """The problem, its pass rate, and every rollout."""
    show_facts(detail.problem)
    st.code(_rate(detail, scope), language=None)
    show_rollouts(detail.rollouts, detail.problem.id)


def show_facts(problem: Problem) -> None:
    """The prompt and what is known of the problem."""
    st.subheader("Problem")
    _prompt(problem.prompt, f"prompt-{problem.id}")
    facts = {
        "reference": problem.reference,
        "level": problem.level,
        "skill": problem.skill,
        "template": problem.template,
        "split": problem.split,
        "source": problem.source,
        "licence": problem.licence,
        "id": problem.id,
    }
    lines = [f"{name:<10}{visible(value)}" for name, value in facts.items() if value not in (None, "")]
    st.code("\n".join(lines), language=None, wrap_lines=True)


def show_rollouts(rollouts: Sequence[RolloutDetail], key: str) -> None:
    """The rollouts, each in a box that opens; many of them a part at a time. `key` tells this list from others."""
    st.subheader("1 rollout" if len(rollouts) == 1 else f"{len(rollouts):,} rollouts")
    pages = -(-len(rollouts) // MOST)
    page = st.pagination(pages, key=f"rollouts-{key}") if pages > 1 else 1
    for rollout in rollouts[MOST * (page - 1) : MOST * page]:
        _rollout(rollout)


def _rate(detail: ProblemDetail, scope: Scope) -> str:
    """The pass rate over the fixed prefix with its Jeffreys interval; never over what a stopping rule drew, or two arms."""
    if scope.prefix == 0:
        return "pass rate  none: how often this problem was drawn followed from verdicts"
    measured = [row.outcome for row in detail.rollouts if scope.is_measured(row.sample_index, row.arm)]
    correct, judged = measured.count("correct"), sum(outcome in JUDGED for outcome in measured)
    estimate = pass_rate_interval(correct, judged)
    if estimate is None:
        return "pass rate  not judged yet"
    over = "all completions" if scope.prefix is None else f"the first {scope.prefix} completions"
    over += f" of arm {visible(scope.arm)}" if scope.arm else ""
    value = f"{correct} of {judged} = {estimate.value:.3f}"
    models = {row.completion.model for row in detail.rollouts if row.completion is not None}
    over += f" of {len(models)} models together" if scope.prefix is None and len(models) > 1 else ""
    return f"pass rate  {value}, 95% interval [{estimate.low:.3f}, {estimate.high:.3f}] (Jeffreys), over {over}"


def _prompt(prompt: Prompt, key: str) -> None:
    if isinstance(prompt, str):
        show_text(prompt, key)
    else:
        _messages(prompt, key)


def _messages(messages: tuple[Message, ...], key: str) -> None:
    for place, message in enumerate(messages):
        st.caption(f"{inert(message.role)} · {inert(message.kind)}")
        show_text(message.content, f"{key}-{place}", "python" if message.kind == "code" else None)


def _rollout(rollout: RolloutDetail) -> None:
    decided = (
        "not decided yet" if rollout.reason is None else f"{'kept' if rollout.kept else 'dropped'}: {inert(rollout.reason)}"
    )
    named = f"{inert(rollout.arm)} · sample" if rollout.arm else "sample"
    model = "" if rollout.completion is None else f" · {inert(rollout.completion.model)}"
    with st.expander(
        f"{named} {rollout.sample_index} · {MARKS.get(rollout.outcome, inert(rollout.outcome))} · {decided}{model}"
    ):
        completion = rollout.completion
        if completion is None:
            st.caption("The completion is not here yet.")
            return
        if completion.messages:
            _messages(completion.messages, completion.id)
        else:
            show_text(completion.text, completion.id)
        st.code(visible(_facts(rollout)), language=None, wrap_lines=True)


def _facts(rollout: RolloutDetail) -> str:
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
