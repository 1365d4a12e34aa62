"""A problem with its rollouts by final answer: one at a time, or two side by side. All texts are inert."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dashboards.inert import inert, show_text, visible
from dashboards.parts.rollout import COLOURS, show_messages, show_rollout
from dashboards.parts.thread_map import show_threads
from dashboards.session.kept import kept_now
from pipelines.metrics import BY_RESULTS
from pipelines.stats import pass_rate_interval
from storage.ground.records import JUDGED, Problem
from storage.queries import ProblemDetail, RolloutDetail, Scope, problem_turns
from storage.queries.browse.problems import answer_groups, final_answer

ROLLOUTS, THREADS = "Rollouts", "Threads"
FEW = 12  # answers or samples shown as buttons


def show_problem(detail: ProblemDetail, scope: Scope, rollout: str | None = None) -> None:
    """The problem, its pass rate and its rollouts; `rollout` is the completion shown first."""
    show_facts(detail.problem)
    st.caption(rate_line(detail, scope))
    turns = kept_now(problem_turns, scope, detail.problem.id)
    if turns and _view(detail.problem.id) == THREADS:
        show_threads(scope, detail.problem.id)
    else:
        show_rollouts(detail.rollouts, detail.problem.id, rollout)


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
    """The prompt and the known facts of the problem."""
    key = f"prompt-{problem.id}"
    if isinstance(problem.prompt, str):
        show_text(problem.prompt, key)
    else:
        show_messages(problem.prompt, key)
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
    show_text("\n".join(lines), f"facts-{problem.id}")


def show_rollouts(rollouts: Sequence[RolloutDetail], key: str, rollout: str | None = None) -> None:
    """The rollouts by final answer, the most frequent first, one laid out at a time; or two of them side by side."""
    groups = answer_groups(rollouts)
    if not groups:
        st.caption("No rollout.")
        return
    answers = "1 answer" if len(groups) == 1 else f"{len(groups):,} different answers"
    st.markdown(f"**{len(rollouts):,} rollouts, {answers}**")
    if len(rollouts) > 1 and st.toggle("Two side by side", key=f"two-{key}"):
        for place, column in enumerate(st.columns(2)):
            with column:
                _one_of(rollouts, f"{key}-{place}", _two(rollouts)[place])
        return
    members = dict(groups)
    named = next((detail for detail in rollouts if detail.completion is not None and detail.completion.id == rollout), None)
    chosen = _choice(
        "Final answer",
        list(members),
        f"answer-{key}",
        {answer: _answer_label(answer, group) for answer, group in groups},
        None if named is None else final_answer(named),
    )
    mine = members[chosen]
    # Another key for another answer: a widget keeps its choice, which would be a rollout of the previous answer.
    _one_of(mine, f"{key}-{hash(chosen)}", mine.index(named) if named in mine else 0)


def _answer_label(answer: str, members: Sequence[RolloutDetail]) -> str:
    outcomes = ", ".join(sorted({member.outcome for member in members}))
    return f"{inert(answer, 40)} × {len(members):,} {outcomes}"


def _two(rollouts: Sequence[RolloutDetail]) -> tuple[int, int]:
    """Indices of the first right and the first wrong rollout; else of the first two."""
    outcomes = [rollout.outcome for rollout in rollouts]
    right = outcomes.index("correct") if "correct" in outcomes else 0
    wrong = next((place for place, outcome in enumerate(outcomes) if outcome != outcomes[right]), None)
    return right, int(right == 0) if wrong is None else wrong


def _one_of(rollouts: Sequence[RolloutDetail], key: str, first: int) -> None:
    """A rollout, and a choice among several."""
    labels = _sample_labels(rollouts)
    chosen = _choice("Rollout", list(labels), f"sample-{key}", labels, str(first)) if len(rollouts) > 1 else "0"
    show_rollout(rollouts[int(chosen)], f"rollout-{key}-{chosen}")


def _sample_labels(rollouts: Sequence[RolloutDetail]) -> dict[str, str]:
    """A label for each by its index: outcome, the model if there are several, step and sample; numbered if equal."""
    models = {rollout.completion.model for rollout in rollouts if rollout.completion is not None}
    names = [_sample_label(rollout, model=len(models) > 1) for rollout in rollouts]
    counts = Counter(names)
    numbers: Counter[str] = Counter()
    for place, name in enumerate(names):
        if counts[name] > 1:  # the finished answers of a search are all sample 0 of one step
            numbers[name] += 1
            names[place] = f"{name} · {numbers[name]}"
    return {str(place): name for place, name in enumerate(names)}


def _sample_label(rollout: RolloutDetail, *, model: bool) -> str:
    parts = [inert(rollout.completion.model, 20)] if model and rollout.completion is not None else []
    parts += [inert(rollout.step, 20)] if rollout.step else []
    return f":{COLOURS.get(rollout.outcome, 'gray')}[{rollout.outcome}] {' '.join([*parts, str(rollout.sample_index)])}"


def _choice(label: str, options: Sequence[str], key: str, labels: dict[str, str], first: str | None) -> str:
    """Choice of an option: buttons for a few, a list for many."""
    begin = options.index(first) if first in options else 0
    if len(options) <= FEW:
        chosen = st.pills(
            label,
            options,
            default=options[begin],
            format_func=labels.__getitem__,
            key=key,
            required=True,
            label_visibility="collapsed",
        )
    else:
        chosen = st.selectbox(
            label, options, index=begin, format_func=labels.__getitem__, key=key, label_visibility="collapsed"
        )
    return str(chosen)


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
    over = "all completions" if scope.prefix is None else f"the first {scope.prefix} completions"
    over += f" of step {inert(scope.step)}" if scope.step else ""
    models = {row.completion.model for row in detail.rollouts if row.completion is not None}
    over += f" of {len(models)} models together" if scope.prefix is None and len(models) > 1 else ""
    interval = f"95% interval {estimate.low:.3f} to {estimate.high:.3f}, Jeffreys"
    return f"Pass rate: {correct} of {judged} = {estimate.value:.3f} ({interval}), over {over}."
