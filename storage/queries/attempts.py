"""Accuracy by attempt of a run or version with steps: the standing answer of a thread after so many attempts.

A thread begins with a measured answer of the first step. Its next attempt is the completion of a step that answers again,
whose nearest judged ancestor is the attempt before; of several the first in sample order counts. After attempt t the last
attempt up to t stands. A thread with an undecided attempt is in no rate.

A thread stops because its last answer was `accepted` (nothing asked for another), because the step may be repeated no more
often (`cap`), or because something could not be read (`unreadable`): its answer, a field of it or of what was asked about
it, or a text that an engine without a model reads.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.ground.records import JUDGED
from rollmill.ground.threads import ANSWER
from rollmill.stats import Estimate, paired_difference, population_mean
from rollmill.steps.reading import fields_of
from rollmill.storage.queries.scope import Scope
from rollmill.storage.segments.views import quoted

STOPS = ("accepted", "cap", "unreadable")
_TURNS = """
SELECT t.problem_id, p.template, t.completion_id, t.step, t.role, t.after, r.outcome, r.sample_index
FROM threads t JOIN (SELECT id, template FROM problems) p ON p.id = t.problem_id
LEFT JOIN (SELECT problem_id, completion_id, outcome, sample_index FROM rollouts) r USING (problem_id, completion_id)
ORDER BY t.problem_id, r.sample_index, t.completion_id
"""
_TEXTS = """
SELECT DISTINCT t.completion_id, t.step, c.text
FROM threads t JOIN (SELECT id, text FROM completions) c ON c.id = t.completion_id WHERE t.step IN ({steps})
"""
_FAILED = """
SELECT DISTINCT t.completion_id
FROM threads t JOIN (SELECT id, meta FROM completions) c ON c.id = t.completion_id
WHERE t.step IN ({steps}) AND json_extract_string(c.meta, '$.failed') IS NOT NULL
"""
_PLACE = re.compile(r"\{(\w+(?:\.\w+)?)\}")
AT_ONCE = 10_000  # rows that are read


@dataclass(frozen=True, slots=True)
class AttemptRate:
    """Threads after attempt `attempt`: `asked` of them had it, `accuracy` is that of the standing answers of all, `gain`
    the difference to attempt 1. `fixed`, `broken`: threads whose standing answer became right, or wrong, by this attempt.
    """

    attempt: int
    asked: int
    accuracy: Estimate
    gain: Estimate | None
    fixed: int
    broken: int


@dataclass(frozen=True, slots=True)
class AttemptThread:
    """A thread's attempts in order, by completion id and outcome, and why it stopped: one of STOPS."""

    problem: str
    template: str | None
    completions: tuple[str, ...]
    outcomes: tuple[str, ...]
    stop: str


@dataclass(frozen=True, slots=True)
class AttemptTable:
    """Attempts of the threads of a run or version. `left_out`: threads with an undecided attempt. `stops`: threads by why
    they stopped. `each`: every thread, those that are left out too.
    """

    steps: Sequence[str]
    threads: int
    problems: int
    left_out: int
    rates: Sequence[AttemptRate]
    stops: Mapping[str, int]
    each: Sequence[AttemptThread]


@dataclass(frozen=True, slots=True)
class _Turn:
    step: str
    role: str
    after: tuple[str, ...]
    outcome: str | None
    root: bool


def answering_again(scope: Scope) -> list[str]:
    """The steps that answer again, in the recipe's order."""
    known = {str(row["name"]): row for row in recorded_steps(_recipe(scope))}
    return [name for name, row in known.items() if name != scope.step and row.get("role", ANSWER) == ANSWER]


def attempt_table(scope: Scope, steps: Sequence[str] = ()) -> AttemptTable:
    """The table for steps that answer again, by default the first that repeats, else the first of them; SetupError where
    none does, or the run is not decided.
    """
    if not scope.decided:
        raise SetupError(f"{scope.name} has not ended.", next_command=f"rollmill runs resume {scope.name}")
    known = {str(row["name"]): row for row in recorded_steps(_recipe(scope))}
    again = answering_again(scope)
    if not again:
        raise SetupError(
            f"{scope.name} has no step that answers again.",
            next_command="curate a recipe such as recipes/steps/recheck.yaml",
        )
    for step in steps:
        if step not in again:
            raise unknown_name("step that answers again", step, again)
    chosen = tuple(steps) or (next((name for name in again if known[name].get("repeat")), again[0]),)
    threads = list(_threads(scope, known, chosen))
    if not threads:
        raise SetupError(
            f"{scope.name} has no thread: nobody judges step {scope.step!r}, with which its answers begin.",
            next_command="curate a recipe such as recipes/steps/recheck.yaml",
        )
    judged = [thread for thread in threads if set(thread.outcomes) <= set(JUDGED)]
    if not judged:
        raise SetupError(f"{scope.name} has no judged thread.", next_command="rollmill reverify")
    return AttemptTable(
        chosen,
        len(judged),
        len({thread.problem for thread in judged}),
        len(threads) - len(judged),
        [_rate(judged, attempt) for attempt in range(1, max(len(thread.outcomes) for thread in judged) + 1)],
        {stop: count for stop in STOPS if (count := Counter(thread.stop for thread in judged)[stop])},
        threads,
    )


def _recipe(scope: Scope) -> Mapping[str, Any]:
    if scope.run is not None:
        return scope.run.recipe
    from rollmill.storage.versions.read import load_manifest

    assert scope.version is not None, "a scope is of a run or of a version"
    recipe: Mapping[str, Any] = load_manifest(scope.version).get("recipe", {})
    return recipe


def _threads(scope: Scope, known: Mapping[str, Mapping[str, Any]], steps: Sequence[str]) -> Iterator[AttemptThread]:
    """Every thread of the scope, problem by problem."""
    needed = _needed(known, steps)
    wanted = {name: fields for name, fields in needed.items() if fields}
    # The first answer, then each step once and as often as it may be repeated.
    cap = 1 + sum(1 + int(known[step].get("repeat") or 0) for step in steps)
    # An empty list is no SQL, and nothing is in NULL.
    named, put_in = (", ".join(map(quoted, names)) or "NULL" for names in (wanted, needed))
    with scope.connection("rollouts", "threads", "completions", "problems") as connection:
        texts = _rows(connection.execute(_TEXTS.format(steps=named)))
        unread = {cid for cid, name, text in texts if wanted[name] - fields_of(text, _reads(known, name)).keys()}
        # What an engine without a model could not read stops a thread as an unread answer does.
        unread |= {cid for (cid,) in _rows(connection.execute(_FAILED.format(steps=put_in)))}
        for (problem, template), rows in groupby(_rows(connection.execute(_TURNS)), key=lambda row: row[:2]):
            turns = {}
            for _, _, cid, name, role, after, outcome, index in rows:
                root = role == ANSWER and index is not None and scope.is_measured(index, name)
                turns[cid] = _Turn(name, role, tuple(after.split()), outcome, root)
            unreadable = _unread_about(turns, unread, needed)
            for chain in _chains(turns, steps):
                # The cap first: beyond it nothing is asked, whether the last answer could be read or not.
                stop = "cap" if len(chain) >= cap else "unreadable" if chain[-1] in unreadable else "accepted"
                outcomes = tuple(turns[cid].outcome or "pending" for cid in chain)
                yield AttemptThread(problem, template, tuple(chain), outcomes, stop)


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(AT_ONCE):
        yield from rows


def _needed(known: Mapping[str, Mapping[str, Any]], steps: Sequence[str]) -> dict[str, set[str]]:
    """Steps that the conditions and templates of these steps name, with the fields that must be read of each."""
    needed: defaultdict[str, set[str]] = defaultdict(set)
    for step in steps:
        for before, field in _named(known, step):
            needed[before] |= {field} - {"", "outcome", "truncated"}
        if (stood_for := _stood_for(known, step)) is not None:
            needed[step] |= needed[stood_for]
    return needed


def _named(known: Mapping[str, Mapping[str, Any]], step: str) -> list[tuple[str, str]]:
    """Steps that the conditions and the template of a step name, and the fields of them, "" for the text."""
    template = known[step].get("template", "")
    texts = [template] if isinstance(template, str) else [str(turn["content"]) for turn in template]
    places = [*known[step].get("when", {}), *(place for text in texts for place in _PLACE.findall(text))]
    return [(name, field) for name, _, field in (place.partition(".") for place in places) if name in known]


def _stood_for(known: Mapping[str, Mapping[str, Any]], step: str) -> str | None:
    """The answer in whose place the completions of a repeated step are asked about; None of a step that is not repeated."""
    named = {name for name, _ in _named(known, step)}
    answers = (name for name, row in known.items() if name in named and row.get("role", ANSWER) == ANSWER)
    return next(answers, None) if known[step].get("repeat") else None


def _reads(known: Mapping[str, Mapping[str, Any]], step: str) -> Mapping[str, str]:
    """The fields read from a step's texts: its own, and those of the answer that it replaces."""
    stood_for = _stood_for(known, step)
    return {**(_reads(known, stood_for) if stood_for else {}), **known[step].get("read", {})}


def _nearest(turns: Mapping[str, _Turn], cid: str) -> str | None:
    """The nearest judged ancestor of a completion, by the first of those that it follows."""
    after = turns[cid].after
    while after and after[0] in turns:
        if turns[after[0]].role == ANSWER:
            return after[0]
        after = turns[after[0]].after
    return None


def _chains(turns: Mapping[str, _Turn], steps: Sequence[str]) -> list[list[str]]:
    """The attempts of each thread."""
    following: dict[str, str] = {}
    for cid, turn in turns.items():
        before = _nearest(turns, cid) if turn.step in steps else None
        if before is not None:
            # Turns come in sample order, so the first answer to an attempt stays.
            following.setdefault(before, cid)
    chains = [[cid] for cid, turn in turns.items() if turn.root]
    for chain in chains:
        while chain[-1] in following:
            chain.append(following[chain[-1]])
    return chains


def _unread_about(turns: Mapping[str, _Turn], unread: set[str], needed: Collection[str]) -> set[str | None]:
    """Unreadable answers, answers with an unreadable follow-up, and completions without an answer that have no follow-up.
    `needed`: the steps that follow others or are followed.
    """
    asked = {before for turn in turns.values() if turn.step in needed for before in turn.after}
    silent = {cid for cid, turn in turns.items() if turn.outcome == "unparsed" and cid not in asked}
    return {cid if turns[cid].role == ANSWER else _nearest(turns, cid) for cid in turns if cid in unread} | silent


def _rate(threads: Sequence[AttemptThread], attempt: int) -> AttemptRate:
    """Standing answers after an attempt, by problem; templates are clusters."""
    # A slice keeps the last attempt of a thread that stopped earlier; attempt 1 is compared with itself.
    standing = [[thread.outcomes[:at][-1] == "correct" for thread in threads] for at in (1, max(1, attempt - 1), attempt)]
    first, before, now = standing
    right: defaultdict[tuple[str, str | None], list[tuple[bool, bool]]] = defaultdict(list)
    for thread, begun, last in zip(threads, first, now, strict=True):
        # By problem first: threads of one problem are not independent, and each problem counts alike.
        right[thread.problem, thread.template].append((begun, last))
    means = [[sum(pair[side] for pair in pairs) / len(pairs) for pairs in right.values()] for side in (0, 1)]
    clusters = [template for _, template in right]
    accuracy = population_mean(means[1], clusters, estimand=f"mean accuracy of the standing answer after attempt {attempt}")
    assert accuracy is not None, "there is a thread"
    gain = paired_difference(means[0], means[1], clusters) if attempt > 1 else None
    flips = Counter(zip(before, now, strict=True))
    return AttemptRate(
        attempt,
        sum(len(thread.outcomes) >= attempt for thread in threads),
        accuracy,
        gain,
        flips[False, True],
        flips[True, False],
    )
