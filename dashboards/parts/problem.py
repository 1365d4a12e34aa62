"""A problem with its rollouts by final answer: one at a time, or two side by side. All texts are inert."""

from collections.abc import Iterator, Sequence

import streamlit as st

from rollmill.dashboards.inert import inert, show_text
from rollmill.dashboards.parts.choice import choice, choose_rollout, identity, sample_labels
from rollmill.dashboards.parts.difference import show_differences
from rollmill.dashboards.parts.formulas import renders
from rollmill.dashboards.parts.reader import raw_text, show_rollout
from rollmill.dashboards.parts.rollout import show_prompt
from rollmill.dashboards.parts.thread_map import show_threads
from rollmill.dashboards.parts.verdicts import show_verdict
from rollmill.dashboards.session.kept import kept_now
from rollmill.dashboards.units import counted
from rollmill.ground.records import JUDGED, Problem
from rollmill.metrics import BY_RESULTS
from rollmill.stats import pass_rate_interval
from rollmill.storage.queries import ProblemDetail, RolloutDetail, Scope, problem_turns
from rollmill.storage.queries.browse.evidence import Subject
from rollmill.storage.queries.browse.problems import answer_groups

ROLLOUTS, THREADS = "Rollouts", "Threads"
ONE_LINE = 200  # characters of a reference that is shown in a line


def show_problem(detail: ProblemDetail, scope: Scope) -> None:
    """Draw the problem, its pass rate and its rollouts; the address names the rollout that is shown."""
    show_facts(detail.problem)
    st.caption(rate_line(detail, scope))
    turns = kept_now(problem_turns, scope, detail.problem.id)
    if turns and _view(detail.problem.id) == THREADS:
        show_threads(scope, detail.problem.id)
    else:
        show_rollouts(detail, detail.problem.id, addressed=True)


def _view(problem_id: str) -> str:
    """Choice between rollouts by final answer and threads of turns."""
    views = (ROLLOUTS, THREADS)
    label = "Rollouts by answer, or the turns of each thread"
    return str(
        st.segmented_control(
            label, views, default=ROLLOUTS, key=f"as-{problem_id}", required=True, label_visibility="collapsed"
        )
    )


def show_facts(problem: Problem) -> None:
    """Draw the prompt, the known facts of the problem as chips, and its whole reference."""
    show_prompt(problem.prompt, f"prompt-{problem.id}")
    with st.container(horizontal=True, gap="small"):
        for label, hint in _facts(problem):
            st.badge(label, color="gray", help=hint)
    if "\n" in problem.reference or len(problem.reference) > ONE_LINE:
        st.caption("Reference")
        show_text(problem.reference, f"reference-{problem.id}")
    elif problem.reference:
        formula = f", ${problem.reference}$" if "\\" in problem.reference and renders(problem.reference) else ""
        st.markdown(f"Reference **{inert(problem.reference, ONE_LINE)}**{formula}")


def _facts(problem: Problem) -> Iterator[tuple[str, str]]:
    """Chips of a problem with their hints."""
    facts = {
        "level": problem.level,
        "skill": problem.skill,
        "template": problem.template,
        "split": problem.split,
        "source": problem.source,
        "licence": problem.licence,
    }
    for name, value in facts.items():
        if value not in (None, ""):
            yield f"{name} {inert(value, 40)}", inert(f"{name} {value}", 400)
    yield f"id {problem.id[:8]}", f"id {problem.id}"


def show_rollouts(detail: ProblemDetail, key: str, *, addressed: bool = False) -> None:
    """Draw the rollouts by final answer, the most frequent first, one laid out at a time; or two of them side by side.

    `addressed`: the address names the one that is shown, and keys go from one to the next.
    """
    groups = answer_groups(detail.rollouts)
    if not groups:
        st.caption("No rollout.")
        return
    several = "" if len(groups) == 1 else "different "
    st.markdown(f"**{counted(len(detail.rollouts), 'rollout')}, {counted(len(groups), f'{several}answer')}**")
    if len(detail.rollouts) > 1 and st.toggle("Two side by side", key=f"two-{key}"):
        _side_by_side(detail, key)
        return
    shown = choose_rollout(groups, key, addressed=addressed)
    show_rollout(shown, f"rollout-{key}-{identity(shown)}", detail)


def _side_by_side(detail: ProblemDetail, key: str) -> None:
    """Two rollouts, at first a right and a wrong one, with the differences of their texts."""
    labels = sample_labels(detail.rollouts)
    chosen = []
    for place, column in enumerate(st.columns(2)):
        with column:
            st.session_state.setdefault(f"side-{key}-{place}", str(_two(detail.rollouts)[place]))
            chosen.append(detail.rollouts[int(choice("Rollout", labels, f"side-{key}-{place}"))])
    texts = [None if side.completion is None else raw_text(side.completion) for side in chosen]
    if texts[0] is None or texts[1] is None or not st.toggle("Mark differences", value=True, key=f"differences-{key}"):
        for place, (side, column) in enumerate(zip(chosen, st.columns(2), strict=True)):
            with column:
                show_rollout(side, f"side-{key}-{place}-{identity(side)}", detail)
        return
    for side, column in zip(chosen, st.columns(2), strict=True):
        with column:
            show_verdict(side, Subject(detail.problem, side.completion, detail.words), marks=False)
    show_differences(texts[0], texts[1])


def _two(rollouts: Sequence[RolloutDetail]) -> tuple[int, int]:
    """Indices of the first right and the first wrong rollout; else of the first two."""
    outcomes = [rollout.outcome for rollout in rollouts]
    right = outcomes.index("correct") if "correct" in outcomes else 0
    wrong = next((place for place, outcome in enumerate(outcomes) if outcome != outcomes[right]), None)
    return right, int(right == 0) if wrong is None else wrong


def rate_line(detail: ProblemDetail, scope: Scope) -> str:
    """The pass rate over the fixed prefix with its Jeffreys interval; never over draws of a stopping rule or over two
    steps."""
    if scope.prefix == 0:
        return f"Pass rate: none. How often this problem was drawn {BY_RESULTS}."
    measured = [row.outcome for row in detail.rollouts if scope.is_measured(row.sample_index, row.step)]
    correct, judged = measured.count("correct"), sum(outcome in JUDGED for outcome in measured)
    estimate = pass_rate_interval(correct, judged)
    if estimate is None:
        return "Pass rate: not judged yet."
    over = "all completions" if scope.prefix is None else f"the first {counted(scope.prefix, 'completion')}"
    over += f" of step {inert(scope.step)}" if scope.step else ""
    models = {row.completion.model for row in detail.rollouts if row.completion is not None}
    over += f" of {len(models)} models together" if scope.prefix is None and len(models) > 1 else ""
    interval = f"95% interval {estimate.low:.3f} to {estimate.high:.3f}, Jeffreys"
    return f"Pass rate: {correct} of {judged} = {estimate.value:.3f} ({interval}), over {over}."
