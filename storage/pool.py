"""A pool of rollouts as columns: what metrics, votes and budgets are computed from. A value, for every reader of rollouts.

A rollout is a row; what repeats (problems, arms, models, reasons, answers) is kept once and named by its place. A million
rollouts are some 40 MB. Texts are not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.records import OUTCOMES

PENDING = "pending"
STATES: tuple[str, ...] = (*OUTCOMES, PENDING)
"""What the column `outcome` counts: the four outcomes, and `pending` for a rollout that is planned and not judged."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Group = int | str | None
KEPT, DROPPED, OPEN = 1, 0, -1
STRATA = ("level", "template", "skill", "source")
_COLUMNS = ("problem", "completion", "index", "outcome", "in_prefix", "arm", "kept", "reason", "model", "answer", "tokens")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """n rollouts of P problems. Arrays have shape (n,); a place is an index into the tuple of that name, -1: none.

    `problems` (P): their ids. `strata`: columns of length P by name (`level`, `template`, `skill`, `source`); the template
    is the cluster that intervals respect. `problem`: place of the problem. `completion`: a number of the completion, equal
    where one answers several problems. `index`: sample index, counted on each arm. `arm`, `model`, `reason`, `answer`:
    places; equal answers (canonical keys of one problem) have equal places, -1 abstains. `outcome`: place in STATES.
    `kept`: KEPT, DROPPED or OPEN while undecided. `tokens`: tokens out, -1 where unknown. `in_prefix`: whether the rollout
    was fixed before any verdict, so that a rate may be over it. `scores`: by scorer, NaN where there is none.
    """

    problems: tuple[str, ...]
    strata: Mapping[str, tuple[Group, ...]]
    problem: Ints
    completion: Ints
    index: Ints
    outcome: Ints
    in_prefix: Flags
    arm: Ints
    kept: Ints
    reason: Ints
    model: Ints
    answer: Ints
    tokens: Ints
    arms: tuple[str, ...] = ("",)
    models: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    scores: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.problem)

    def has(self, outcome: str) -> Flags:
        """Which rollouts have this outcome."""
        return np.equal(self.outcome, STATES.index(outcome))

    def measured(self, prefix: int | None, arm: str = "") -> "Pool":
        """The same rollouts, those in the prefix marked: the first `prefix` of each problem on this arm; all for None."""
        if prefix is None:
            return replace(self, in_prefix=np.ones(len(self), dtype=bool))
        place = self.arms.index(arm) if arm in self.arms else -1
        return replace(self, in_prefix=(self.index < prefix) & (self.arm == place) & (self.index >= 0))

    def where(self, rows: Flags) -> "Pool":
        """The rollouts that are marked; the problems stay, also those without any."""
        taken: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **taken, scores={name: values[rows] for name, values in self.scores.items()})


def pool_of(problems: pa.Table, completions: pa.Table, decisions: pa.Table) -> Pool:
    """The pool of the tables of a version or a run that has decided, a row per decision; nothing is in the prefix yet.

    A row that names a problem or completion which is not there has place -1, or index -1.
    """
    ids = problems["id"]
    at = _places(decisions["completion_id"], completions["id"])
    arms, arm = coded(_column(decisions, "arm"), "")
    models, model = coded(_column(completions, "model"))
    reasons, reason = coded(decisions["reason"])
    outcome = _places(decisions["outcome"], pa.array(STATES))
    return Pool(
        problems=tuple(ids.to_pylist()),
        strata={name: tuple(_column(problems, name).to_pylist()) for name in STRATA},
        problem=_places(decisions["problem_id"], ids),
        completion=at,
        index=_taken(_numbers(completions, "sample_index"), at),
        outcome=outcome,
        in_prefix=np.zeros(len(at), dtype=bool),
        arm=arm,
        kept=_integers(decisions["kept"].cast(pa.int64()), OPEN),
        reason=reason,
        model=_taken(model, at),
        answer=np.full(len(at), -1),
        tokens=_taken(_numbers(completions, "tokens_out"), at),
        arms=arms or ("",),
        models=models,
        reasons=reasons,
    )


def grouped(values: Sequence[T]) -> dict[T, Ints]:
    """The places of each value, the values in sorted order and None last."""
    members: dict[T, list[int]] = {}
    for place, value in enumerate(values):
        members.setdefault(value, []).append(place)
    key: Callable[[Any], Any] = lambda value: (value is None, value)  # noqa: E731
    return {value: np.array(members[value], dtype=np.int64) for value in sorted(members, key=key)}


def _places(values: Any, known: Any) -> Ints:
    """Where each value stands among the known ones, the first of equal ones; -1 where it does not."""
    return _integers(pc.index_in(values, value_set=_flat(known)), -1)


def coded(values: Any, missing: str | None = None) -> tuple[tuple[str, ...], Ints]:
    """The different texts of an Arrow column, and the place of each row's; null counts as `missing`, else as no place."""
    texts = _flat(values).cast(pa.string())
    encoded = (texts if missing is None else pc.fill_null(texts, missing)).dictionary_encode()
    return tuple(encoded.dictionary.to_pylist()), _integers(encoded.indices, -1)


def _flat(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _column(table: pa.Table, name: str) -> Any:
    return table[name] if name in table.column_names else pa.nulls(table.num_rows, pa.string())


def _numbers(table: pa.Table, name: str) -> Ints:
    return _integers(_column(table, name).cast(pa.int64()), -1)


def _integers(values: Any, missing: int) -> Ints:
    return np.asarray(pc.fill_null(values, missing), dtype=np.int64)


def _taken(values: Ints, places: Ints) -> Ints:
    """The value at each place; -1 where the place is none."""
    if not len(values):
        return np.full(len(places), -1)
    return np.where(places < 0, -1, values[places])
