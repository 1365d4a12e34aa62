"""The planned rows of a run: in order, in groups of whole problems, and their ids counted, in bounded memory."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollmill.flows.rounds.spec import RunSpec
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import PlanRow, Prompt
from rollmill.pipelines.generate.prompts import messages_of, split_prefix
from rollmill.steps.follow import Link
from rollmill.storage.rollouts import Pair, pair_of
from rollmill.storage.segments.keys import SentPrompt
from rollmill.storage.segments.rows import Packer, Rows
from rollmill.storage.segments.schema import CHUNK


class SentPrompts:
    """The prompts that the rows of a plan name, each once."""

    def __init__(self) -> None:
        self._packer: Packer[SentPrompt] = Packer("prompts")
        self._known: set[str] = set()

    def add(self, prompt: Prompt, system: str | None) -> str:
        """Note a prompt; its id."""
        # The given beginning of an answer is a part of the answer.
        messages = canonical_json(messages_of(split_prefix(prompt)[0], system))
        digest = digest128(["sent", messages])
        if digest not in self._known:
            self._known.add(digest)
            self._packer.add([SentPrompt(digest, messages)])
        return digest

    def rows(self) -> Rows[SentPrompt]:
        """All of them."""
        return self._packer.rows()


def prompts_of(stored: pa.Table, plan: Rows[PlanRow]) -> tuple[pa.Table, pa.Table]:
    """The tables `prompts` and `sent` of a version, of the prompts that a run has stored."""
    rows = pa.table({"completion_id": plan.column("completion_id"), "prompt": plan.column("sent")})
    # A completion of two problems with one prompt is planned twice. A plan may be older than the storage of prompts.
    sent = rows.drop_null().group_by(["completion_id"]).aggregate([("prompt", "min")])
    sent = sent.rename_columns(["completion_id", "prompt"]).filter(
        pc.is_in(pc.field("prompt"), stored["id"].combine_chunks())
    )
    return stored.filter(pc.is_in(stored["id"], sent["prompt"].combine_chunks())), sent


def in_order(plans: Sequence[Sequence[PlanRow]]) -> Rows[PlanRow]:
    """The rows of all rounds by problem and sample index."""
    # Rows of several steps share sample indices: the id makes the order one that no resume changes.
    return together(plans).sorted_by("problem_id", "sample_index", "completion_id")


def by_problems(plans: Sequence[Sequence[PlanRow]], at_least: int) -> Iterator[list[PlanRow]]:
    """Planned rows without repeated (completion, problem) pairs, in groups of whole problems of `at_least` rows."""
    for group in whole_problems(in_order(plans), at_least):
        yield list({(row.completion_id, row.problem_id): row for row in group}.values())


def together(plans: Sequence[Sequence[PlanRow]]) -> Rows[PlanRow]:
    """The rows of all rounds, one after another."""
    return Rows.joined("plan", [Rows.of("plan", plan).table for plan in plans if plan])


def problems_and_steps(rows: Rows[PlanRow]) -> Iterator[tuple[str, str]]:
    """(problem id, step) of each row, without making a record of it."""
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        steps = (step or "" for step in part.column("step").to_pylist())
        yield from zip(part.column("problem_id").to_pylist(), steps, strict=True)


def of_steps(rows: Rows[PlanRow], names: Collection[str]) -> Rows[PlanRow]:
    """The rows of these steps ("": of none); itself if all are."""
    chosen = pc.is_in(pc.fill_null(rows.column("step"), ""), value_set=pa.array(sorted(names), pa.string()))
    # pc.all over no rows gives null, not true.
    return rows if pc.all(chosen).as_py() in (True, None) else Rows(rows.kind, rows.table.filter(chosen))


def answers_of(spec: RunSpec, rows: Rows[PlanRow]) -> Rows[PlanRow]:
    """The rows whose completions are judged."""
    return rows if spec.judges_all else of_steps(rows, spec.graph.answers)


def links_of(rows: Iterable[PlanRow]) -> dict[Pair, Link]:
    """Link of each row to the completions that it follows, by (completion, problem)."""
    return {pair_of(row): Link(row.completion_id, row.step, row.followed) for row in rows}


def answer_count(spec: RunSpec, plans: Sequence[Sequence[PlanRow]]) -> int:
    """Number of rows of these rounds that are judged."""
    return sum(len(plan) if spec.judges_all else len(answers_of(spec, Rows.of("plan", plan))) for plan in plans)


def whole_problems(rows: Iterable[PlanRow], at_least: int) -> Iterator[list[PlanRow]]:
    """Rows that are in order of their problems, in groups of whole problems of `at_least` rows."""
    group: list[PlanRow] = []
    for _, members in groupby(rows, key=lambda row: row.problem_id):
        group += members
        if len(group) >= at_least:
            yield group
            group = []
    if group:
        yield group


def distinct(ids: pa.ChunkedArray) -> int:
    """Number of distinct texts."""
    return len(ids) - int(pc.sum(_repeats(_in_order(ids))).as_py() or 0)


def repeated_ids(ids: pa.ChunkedArray) -> frozenset[str]:
    """The repeated texts; few, if any, when each completion belongs to one problem."""
    ordered = _in_order(ids)
    return frozenset(pc.unique(ordered[1:].filter(_repeats(ordered))).to_pylist())


def _in_order(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return ids.take(pc.sort_indices(ids))


def _repeats(ordered: pa.ChunkedArray) -> Any:
    """Flags of all texts but the first: True if a text equals the one before it."""
    return pc.equal(ordered[1:], ordered[:-1])
