"""Problems: search and filter them, and open one with all its rollouts, verdicts and decisions. Model text stays inert."""

import pandas as pd
import streamlit as st

from dashboards.scope_choice import choose_scope, inert
from pipelines.stats import pass_rate_interval
from storage.queries import (
    Filters,
    ProblemDetail,
    ProblemPage,
    ProblemRow,
    RolloutDetail,
    Scope,
    choices,
    models_of,
    problem_detail,
    search_problems,
)
from storage.queries.queue import HopelessQueue, Queued, hopeless_queue
from storage.queries.why import brief, evidence_lines
from storage.records import JUDGED, OUTCOMES, Message, Prompt

SIZE = 25  # problems a page
ROW_HEIGHT = 35  # pixels of a row as Streamlit draws it, so that a page needs no inner scrolling
QUEUE_ROWS, QUEUE_HEIGHT = 500, 320  # of the table of hopeless problems: rows at most, pixels
COLUMNS = {
    "problem": st.column_config.TextColumn(width=420),
    "pass rate": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.2f", width="small"),
    "shrunken": st.column_config.NumberColumn(
        format="%.2f",
        width="small",
        help="The pass rate drawn towards those of the other problems (empirical Bayes). 0 of 8 does not mean never.",
    ),
    "reference": st.column_config.TextColumn(width="small"),
}
ANY = "any"
MARKS = {
    "correct": ":green[correct]",
    "incorrect": ":red[incorrect]",
    "unparsed": ":orange[unparsed]",
    "undecided": ":violet[undecided]",
}


def show() -> None:
    """Draw the page."""
    st.title("Problems")
    scope = choose_scope("problems")
    if scope is None:
        return
    filters = _filters(scope)
    page = search_problems(scope, filters, page=int(st.session_state.get("problems-page", 1)), size=SIZE)
    chosen = _list(page, scope)
    hopeless_section(scope)
    wanted = chosen or st.query_params.get("problem")
    if wanted:
        st.query_params["problem"] = wanted
        _detail(scope, wanted)


def _filters(scope: Scope) -> Filters:
    side = st.sidebar
    text = side.text_input("Text in the problem", key="problems-text")
    level = side.selectbox("Level", [ANY, *choices(scope, "level")], key="problems-level")
    skill = side.selectbox("Skill", [ANY, *choices(scope, "skill")], key="problems-skill")
    template = side.selectbox("Template", [ANY, *choices(scope, "template")], key="problems-template")
    outcome = side.selectbox("Has a rollout that is", [ANY, *OUTCOMES], key="problems-outcome")
    low, high = side.slider("Pass rate", 0.0, 1.0, (0.0, 1.0), step=0.05, key="problems-band")
    return Filters(
        text=text,
        level=None if level == ANY else int(level),
        skill=None if skill == ANY else str(skill),
        template=None if template == ANY else str(template),
        outcome=None if outcome == ANY else str(outcome),
        lowest=low if low > 0 else None,
        highest=high if high < 1 else None,
    )


def _list(page: ProblemPage, scope: Scope) -> str | None:
    """The page of matches; the id of the row that the person selected."""
    if not page.rows:
        st.info("No problem matches. Widen the filters in the sidebar.")
        return None
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.caption(f"{page.total:,} problems match. Select a row to open it.")
    right.number_input("Page", min_value=1, max_value=page.pages, key="problems-page")
    event = st.dataframe(
        _table(page.rows),
        hide_index=True,
        width="stretch",
        height=ROW_HEIGHT * (len(page.rows) + 1) + 2,
        column_config=COLUMNS,
        on_select="rerun",
        selection_mode="single-row",
        key="problems-table",
    )
    models = len(models_of(scope))
    pooled = f" Rates pool the rollouts of {models} models; Difficulty shows them by model." if models > 1 else ""
    st.caption(_shrinkage(page) + pooled)
    selected = event["selection"]["rows"]
    return page.rows[selected[0]].id if selected and selected[0] < len(page.rows) else None


def _shrinkage(page: ProblemPage) -> str:
    prior = page.prior
    return (
        f"Shrunken: posterior mean of each problem's pass rate under Beta({prior.a:.2f}, {prior.b:.2f}), fitted by maximum "
        f"likelihood to the {page.fitted:,} judged problems here (empirical Bayes). For reading single problems; to claim "
        "that selected problems are hard, use completions drawn after the selection."
    )


def _table(rows: tuple[ProblemRow, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [_one_line(row.prompt) for row in rows],
            "reference": [row.reference for row in rows],
            "pass rate": [row.rate for row in rows],
            "shrunken": [row.shrunken for row in rows],
            "judged": [row.judged for row in rows],
            "rollouts": [row.rollouts for row in rows],
            "kept": [row.kept for row in rows],
            "level": [row.level for row in rows],
            "skill": [row.skill for row in rows],
            "template": [row.template for row in rows],
            "id": [row.id for row in rows],
        }
    )


def _detail(scope: Scope, problem_id: str) -> None:
    detail = problem_detail(scope, problem_id)
    problem = detail.problem
    st.subheader("Problem")
    _prompt(problem.prompt)
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
    st.code("\n".join(f"{name:<10}{value}" for name, value in facts.items() if value not in (None, "")), language=None)
    st.code(_rate(detail, scope), language=None)
    st.subheader("1 rollout" if len(detail.rollouts) == 1 else f"{len(detail.rollouts)} rollouts")
    for rollout in detail.rollouts:
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
    over += f" of arm {inert(scope.arm)}" if scope.arm else ""
    value = f"{correct} of {judged} = {estimate.value:.3f}"
    models = {row.completion.model for row in detail.rollouts if row.completion is not None}
    over += f" of {len(models)} models together" if scope.prefix is None and len(models) > 1 else ""
    return f"pass rate  {value}, 95% interval [{estimate.low:.3f}, {estimate.high:.3f}] (Jeffreys), over {over}"


def _prompt(prompt: Prompt) -> None:
    if isinstance(prompt, str):
        st.code(prompt, language=None, wrap_lines=True)
    else:
        _messages(prompt)


def _messages(messages: tuple[Message, ...]) -> None:
    for message in messages:
        st.caption(f"{inert(message.role)} · {message.kind}")
        st.code(message.content, language="python" if message.kind == "code" else None, wrap_lines=True)


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
            _messages(completion.messages)
        else:
            st.code(completion.text, language=None, wrap_lines=True)
        st.code(_facts(rollout), language=None, wrap_lines=True)


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


def hopeless_section(scope: Scope) -> None:
    """The section; nothing for a dataset version or a run without hopeless problems."""
    if scope.run is None:
        return
    queue = hopeless_queue(scope)
    if not queue.problems:
        return
    with st.expander(f"Hopeless queue: {len(queue.problems):,} problems, {queue.tokens:,} tokens spent on them"):
        rows = queue.problems[:QUEUE_ROWS]
        st.dataframe(_queue_table(rows), hide_index=True, width="stretch", height=QUEUE_HEIGHT, key="hopeless-table")
        if len(queue.problems) > QUEUE_ROWS:
            st.caption(f"The first {QUEUE_ROWS:,}, the hardest levels first.")
        st.caption(_rule(queue))
        st.code(f"rollmill runs queue {queue.run} --out hopeless.jsonl", language=None)


def _queue_table(rows: tuple[Queued, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [_one_line(row.problem.prompt) for row in rows],
            "level": [row.problem.level for row in rows],
            "drawn": [row.drawn for row in rows],
            "correct": [row.correct for row in rows],
            "p below": [row.upper for row in rows],
            "tokens": [row.tokens for row in rows],
            "reason": [row.reason for row in rows],
            "went on": [row.continued for row in rows],
            "id": [row.problem.id for row in rows],
        }
    )


def _one_line(prompt: Prompt) -> str:
    """The beginning of a prompt, as much as a table's row shows."""
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
