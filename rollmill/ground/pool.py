"""A pool of rollouts as columns: what metrics, votes and budgets are computed from. A value, for every reader of rollouts.

A rollout is a row; what repeats (problems, steps, models, reasons, answers) is kept once and named by its place. A million
rollouts are some 40 MB. Texts are not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rollmill.ground.id_keys import id_keys, places
from rollmill.ground.records import OUTCOMES, PENDING, Verdict

STATES: tuple[str, ...] = (*OUTCOMES, PENDING)
"""States in the column `outcome`: the four outcomes, and `pending` for a rollout that is planned and not judged."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Group = int | str | None
KEPT, DROPPED, OPEN = 1, 0, -1
STRATA = ("level", "template", "skill", "source")
LONGEST = 1_000  # characters of a normal form that verdicts keep: longer forms may differ beyond them
_COLUMNS = ("problem", "completion", "index", "outcome", "in_prefix", "step", "kept", "reason", "model", "answer", "tokens")
T = TypeVar("T")


class Repair(NamedTuple):
    """A repair of a rollout, with its feedback: tokens out (-1 if unknown) and the index of its outcome in STATES."""

    tokens: int
    outcome: int


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """n rollouts of P problems. Arrays have shape (n,). An index (other docstrings call it a place) refers to the tuple of
    the same name in the plural; -1: none.

    `problems` (P): ids of the problems. `strata`: columns of length P by name (`level`, `template`, `skill`, `source`); the
    template is the cluster of the intervals. `problem`: index of the problem. `completion`: number of the completion, equal
    if one completion answers several problems. `index`: sample index, counted on each step. `step`, `model`, `reason`,
    `answer`: indices. Equal answers (canonical keys of one problem) have equal indices, an answer without a key has an
    index of its own, and -1 abstains. `outcome`: index into STATES. `kept`: KEPT, DROPPED, or OPEN while undecided.
    `tokens`: tokens out, -1 if unknown. `in_prefix`: True if the rollout was fixed before any verdict, so that rates may
    use it. `scores`: array of each scorer, NaN without a score. `repairs`: repairs drawn for each row; empty unless
    requested (`rollmill.storage.queries.repairs`).
    """

    problems: tuple[str, ...]
    strata: Mapping[str, tuple[Group, ...]]
    problem: Ints
    completion: Ints
    index: Ints
    outcome: Ints
    in_prefix: Flags
    step: Ints
    kept: Ints
    reason: Ints
    model: Ints
    answer: Ints
    tokens: Ints
    steps: tuple[str, ...] = ("",)
    models: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    scores: Mapping[str, Floats] = field(default_factory=dict)
    repairs: tuple[tuple[Repair, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.problem)

    def has(self, outcome: str) -> Flags:
        """Mask of the rollouts with this outcome."""
        return np.equal(self.outcome, STATES.index(outcome))

    def measured(self, prefix: int | None, step: str = "") -> "Pool":
        """The rollouts with the first `prefix` of each problem on this step marked; None marks all of the step."""
        place = self.steps.index(step) if step in self.steps else -1
        if prefix is None:
            return replace(self, in_prefix=self.step == place if step else np.ones(len(self), dtype=bool))
        # A completion that is not in the table has index -1.
        return replace(self, in_prefix=(self.index < prefix) & (self.step == place) & (self.index >= 0))

    def where(self, rows: Flags) -> "Pool":
        """The marked rollouts; problems without any rollout stay."""
        taken: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        repairs = tuple(compress(self.repairs, rows.tolist()))
        scores = {name: values[rows] for name, values in self.scores.items()}
        return replace(self, **taken, scores=scores, repairs=repairs)


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """Contents of a version: its pool with the prefix marked, and the kept rollouts that repeat the prompt and the text of
    an earlier kept one.
    """

    pool: Pool
    repeated: Flags


def answer_key(verdict: Verdict) -> str | None:
    """Key of an answer, equal for equal answers: the verifier's normal form, else the extracted text; None without an
    answer."""
    return None if verdict.outcome == "unparsed" else _form(verdict.normal_form, verdict.extracted)


def ballot(verdict: Verdict) -> str | None:
    """The vote of a rollout: the key of its answer, or a key of its own where the answer has none; None is an abstention.

    Keys are never compared pairwise: graders' equivalence is not transitive (docs/explanation/statistics.md).
    """
    return None if verdict.outcome == "unparsed" else answer_key(verdict) or _alone(verdict.completion_id)


def unjudged_completions(threads: pa.Table) -> pa.ChunkedArray:
    """Ids of the unjudged completions in a table of threads, once for each problem."""
    import pyarrow.compute as pc

    return threads["completion_id"].filter(pc.not_equal(threads["role"], "answer"))


def pool_of(
    problems: pa.Table,
    completions: pa.Table,
    decisions: pa.Table,
    verdicts: pa.Table | None = None,
    scores: pa.Table | None = None,
) -> Pool:
    """The pool of a version's tables, or of a run with decisions; a row per decision, no rollout in the prefix yet.

    A row that names a missing problem has place -1, one that names a missing completion index -1. `verdicts` adds answers;
    `scores` adds the scores of scorers and the measurements of engines.
    """
    ids = problems["id"]
    at = places(id_keys(decisions["completion_id"]), id_keys(completions["id"]))
    steps, step = coded(_column(decisions, "step"), "")
    models, model = coded(_column(completions, "model"))
    reasons, reason = coded(decisions["reason"])
    outcome = _places(decisions["outcome"], pa.array(STATES))
    pool = Pool(
        problems=tuple(ids.to_pylist()),
        strata={name: tuple(_column(problems, name).to_pylist()) for name in STRATA},
        problem=places(id_keys(decisions["problem_id"]), id_keys(ids)),
        completion=at,
        index=_taken(_numbers(completions, "sample_index"), at),
        outcome=outcome,
        in_prefix=np.zeros(len(at), dtype=bool),
        step=step,
        kept=_integers(decisions["kept"].cast(pa.int64()), OPEN),
        reason=reason,
        model=_taken(model, at),
        answer=np.full(len(at), -1),
        tokens=_taken(_numbers(completions, "tokens_out"), at),
        steps=steps or ("",),
        models=models,
        reasons=reasons,
    )
    if verdicts is not None:
        answers, answer = coded(_ballots(decisions, verdicts))
        pool = replace(pool, answers=answers, answer=answer)
    if scores is None:
        return pool
    columns = {name: _floats(completions, name) for name in MEASURED}
    measured = measured_scores(columns, _numbers(completions, "tokens_out"))
    of_rows = {name: np.where(at < 0, np.nan, values[at]) for name, values in measured.items()} if len(completions) else {}
    return replace(pool, scores=of_rows | score_columns(decisions, scores))


MEASURED = ("logprob_sum", "self_certainty")
"""Columns of completions that engines measure while they draw."""


def measured_scores(measured: Mapping[str, Floats], tokens: Ints) -> dict[str, Floats]:
    """Scores derived from the measurements of engines (MEASURED), by name; only those that some completion has."""
    per_token = np.where(tokens > 0, measured["logprob_sum"] / np.maximum(tokens, 1), np.nan)
    scores = {"logprob_per_token": per_token, **measured}
    return {name: values for name, values in scores.items() if not np.isnan(values).all()}


def grouped(values: Sequence[T]) -> dict[T, Ints]:
    """The places of each value, in sorted order of the values with None last."""
    members: dict[T, list[int]] = {}
    for place, value in enumerate(values):
        members.setdefault(value, []).append(place)
    key: Callable[[Any], Any] = lambda value: (value is None, value)  # noqa: E731
    return {value: np.array(members[value], dtype=np.int64) for value in sorted(members, key=key)}


def _places(values: Any, known: Any) -> Ints:
    """Index of each value in the known values, the first of equal ones; -1 for an unknown value."""
    import pyarrow.compute as pc

    return _integers(pc.index_in(values, value_set=_flat(known)), -1)


def coded(values: Any, missing: str | None = None) -> tuple[tuple[str, ...], Ints]:
    """The distinct texts of an Arrow column, and the index of each row's text; null counts as `missing`, else as -1."""
    import pyarrow.compute as pc

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
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(values, missing), dtype=np.int64)


def _taken(values: Ints, places: Ints) -> Ints:
    """The value at each place; -1 for place -1."""
    if not len(values):
        return np.full(len(places), -1)  # nothing to index, not even by place -1
    return np.where(places < 0, -1, values[places])  # place -1 reads the last value, which is not used


def _form(normal_form: str | None, extracted: str | None) -> str | None:
    form = normal_form if normal_form is not None else extracted
    return None if form is None or len(form) >= LONGEST else form


def _alone(completion_id: str) -> str:
    return f"(no key) {completion_id}"  # equal to no other vote


def _ballots(decisions: pa.Table, verdicts: pa.Table) -> pa.Array:
    """The vote of each decision's rollout: the answer key in the deciding verdict, or in the first verdict where a policy
    decided."""
    import pyarrow.compute as pc

    pair, by = ("completion_id", "problem_id"), ("verifier", "verifier_version")
    exact = _places(_joined(decisions, *pair, *by), _joined(verdicts, *pair, "verifier", "version"))
    formed = verdicts.filter(pc.is_valid(pc.coalesce(verdicts["normal_form"], verdicts["extracted"])))
    first = _places(_joined(decisions, *pair), _joined(formed, *pair))
    forms = [_forms(verdicts), _forms(formed)]
    rows = zip(
        decisions["outcome"].to_pylist(),
        decisions["completion_id"].to_pylist(),
        exact.tolist(),
        first.tolist(),
        strict=True,
    )
    votes = [
        None
        if outcome in ("unparsed", PENDING)
        else (forms[0][at] if at >= 0 else forms[1][other] if other >= 0 else None) or _alone(completion)
        for outcome, completion, at, other in rows
    ]
    return pa.array(votes, pa.string())


def _forms(verdicts: pa.Table) -> list[str | None]:
    columns = (verdicts[name].to_pylist() for name in ("normal_form", "extracted"))
    return [_form(normal_form, extracted) for normal_form, extracted in zip(*columns, strict=True)]


def score_columns(decisions: pa.Table, scores: pa.Table) -> dict[str, Floats]:
    """Scores as columns over rows that name completion and problem; NaN for a missing score.

    Keyed by scorer, or by `scorer@version` if several versions are stored.
    """
    row = _places(_joined(scores, "completion_id", "problem_id"), _joined(decisions, "completion_id", "problem_id"))
    versions: dict[str, set[str]] = {}
    kinds = list(zip(scores["scorer"].to_pylist(), scores["version"].to_pylist(), strict=True))
    for scorer, version in kinds:
        versions.setdefault(scorer, set()).add(version)
    columns: dict[str, Floats] = {}
    for (scorer, version), at, value in zip(kinds, row.tolist(), scores["value"].to_pylist(), strict=True):
        name = scorer if len(versions[scorer]) == 1 else f"{scorer}@{version}"
        column = columns.setdefault(name, np.full(len(decisions), np.nan))
        if at >= 0 and value is not None:
            column[at] = value
    return columns


def _joined(table: pa.Table, *names: str) -> Any:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in names), "\x1f")


def _floats(table: pa.Table, name: str) -> Floats:
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(_column(table, name).cast(pa.float64()), np.nan), dtype=np.float64)
