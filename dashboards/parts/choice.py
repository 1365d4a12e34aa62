"""Choice of a rollout among those of a problem: by final answer, among its samples, and by keys from one to the next.

In the drawer the address names the rollout, so that its link reopens it; elsewhere the session remembers it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from rollmill.dashboards.inert import inert, one_line
from rollmill.dashboards.parts.rollout import COLOURS
from rollmill.dashboards.session.address import copy_link
from rollmill.storage.queries import RolloutDetail
from rollmill.storage.queries.browse.problems import final_answer

FEW = 12  # answers or samples shown as buttons, with colours; more are a list of plain text
ADDRESS = "rollout"  # parameter of the address
KEYS = "K and J: previous and next rollout. Left and Right: previous and next problem."
Groups = Sequence[tuple[str, tuple[RolloutDetail, ...]]]


def identity(rollout: RolloutDetail) -> str:
    """The id of its completion; its place in the plan if that is not here yet."""
    return f"{rollout.step}-{rollout.sample_index}" if rollout.completion is None else rollout.completion.id


def choose_rollout(groups: Groups, key: str, *, addressed: bool = False) -> RolloutDetail:
    """The rollout that is chosen, at first the first one of the most frequent answer."""
    ordered = [rollout for _, members in groups for rollout in members]
    wanted = st.query_params.get(ADDRESS) if addressed else st.session_state.get(f"shown-{key}")
    at = next((place for place, rollout in enumerate(ordered) if identity(rollout) == wanted), 0)
    shown = ordered[at]
    go = _go_in_address if addressed else _go_in_session
    if addressed:
        if wanted != identity(shown):
            st.query_params[ADDRESS] = identity(shown)
        _keys(ordered, at, key)
    answers = [answer for answer, _ in groups]
    number = answers.index(final_answer(shown))
    answer_key = f"answer-{key}"
    st.session_state[answer_key] = answers[number]
    answer_names = {answer: _answer_label(answer, mine, few=len(groups) <= FEW) for answer, mine in groups}
    firsts = {answer: identity(mine[0]) for answer, mine in groups}
    choice("Final answer", answer_names, answer_key, _to(go, key, answer_key, firsts))
    mine = groups[number][1]
    if len(mine) > 1:
        sample_key = f"sample-{key}-{number}"
        st.session_state[sample_key] = str(mine.index(shown))
        targets = {str(place): identity(rollout) for place, rollout in enumerate(mine)}
        choice("Rollout", sample_labels(mine), sample_key, _to(go, key, sample_key, targets))
    return shown


Go = Callable[[str, str], None]


def _to(go: Go, key: str, widget: str, targets: Mapping[str, str]) -> Callable[[], None]:
    """Go to the rollout chosen in a widget."""
    return lambda: go(key, targets[st.session_state[widget]])


def _go_in_address(_key: str, rollout: str) -> None:
    st.query_params[ADDRESS] = rollout


def _go_in_session(key: str, rollout: str) -> None:
    st.session_state[f"shown-{key}"] = rollout


def _keys(ordered: Sequence[RolloutDetail], at: int, key: str) -> None:
    """Buttons with their keys, the position, and a link to this rollout."""
    targets = {"K": ("Previous rollout", at - 1), "J": ("Next rollout", at + 1)}
    with st.container(horizontal=True, vertical_alignment="center"):
        for shortcut, (label, target) in targets.items():
            there = 0 <= target < len(ordered)
            st.button(
                label,
                key=f"rollout-{shortcut}-{key}",
                shortcut=shortcut,
                disabled=not there,
                on_click=_go_in_address,
                args=(key, identity(ordered[target]) if there else ""),
            )
        st.caption(f"rollout {at + 1:,} of {len(ordered):,}", help=KEYS)
        copy_link(f"link-{key}")


def choice(label: str, labels: Mapping[str, str], key: str, on_change: Callable[[], None] | None = None) -> str:
    """Choice of one of these options, buttons for a few and a list for many; the session's state holds it under `key`."""
    common: dict[str, Any] = {
        "format_func": labels.__getitem__,
        "key": key,
        "label_visibility": "collapsed",
        **({} if on_change is None else {"on_change": on_change}),
    }
    if len(labels) <= FEW:
        return str(st.pills(label, list(labels), required=True, wrap=True, **common))
    return str(st.selectbox(label, list(labels), **common))


def sample_labels(rollouts: Sequence[RolloutDetail]) -> dict[str, str]:
    """A label for each by its index: outcome, the model if there are several, step and sample; numbered if equal."""
    models = {rollout.completion.model for rollout in rollouts if rollout.completion is not None}
    few = len(rollouts) <= FEW
    names = [_sample_label(rollout, model=len(models) > 1, few=few) for rollout in rollouts]
    counts = Counter(names)
    numbers: Counter[str] = Counter()
    for place, name in enumerate(names):
        if counts[name] > 1:  # the finished answers of a search are all sample 0 of one step
            numbers[name] += 1
            names[place] = f"{name} · {numbers[name]}"
    return {str(place): name for place, name in enumerate(names)}


def _sample_label(rollout: RolloutDetail, *, model: bool, few: bool) -> str:
    shown = inert if few else one_line
    parts = [shown(rollout.completion.model, 20)] if model and rollout.completion is not None else []
    parts += [shown(rollout.step, 20)] if rollout.step else []
    outcome = f":{COLOURS.get(rollout.outcome, 'gray')}[{rollout.outcome}]" if few else rollout.outcome
    return f"{outcome} {' '.join([*parts, str(rollout.sample_index)])}"


def _answer_label(answer: str, members: Sequence[RolloutDetail], *, few: bool) -> str:
    outcomes = ", ".join(sorted({member.outcome for member in members}))
    return f"{inert(answer, 40) if few else one_line(answer, 40)} × {len(members):,} {outcomes}"
