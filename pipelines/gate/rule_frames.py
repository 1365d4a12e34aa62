"""The rows of a dataset as the frames that the rules check, and the columns with their types that the gate relies on.

A frame is an Arrow table with what a rule looks at; its rows are named by the ids of a kind (RowNames), read once some are
to be named. No frame has a text of a model: missing values are counted in Arrow. Ids are compared as numbers (Links): as
Python's objects a million of them would take a hundred megabytes a column.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.verify.acceptance import PLAIN, Policy, accepted_verdict
from storage.ground.id_keys import Keys, id_keys, places
from storage.ground.pool import Ints, unjudged_completions
from storage.ground.records import Verdict
from storage.ground.solutions import asked, plain_reference

REQUIRED: Mapping[str, Mapping[str, str]] = {
    "problems": {"id": "string", "prompt_id": "string", "prompt": "string", "reference": "string", "kind": "string"},
    "completions": {
        "id": "string",
        "prompt_id": "string",
        "engine": "string",
        "model_digest": "string",
        "sample_index": "int64",
        "text": "string",
        "finish_reason": "string",
    },
    "verdicts": {
        "completion_id": "string",
        "problem_id": "string",
        "verifier": "string",
        "version": "string",
        "outcome": "string",
        "rule": "string",
    },
    "decisions": {
        "problem_id": "string",
        "completion_id": "string",
        "selector": "string",
        "version": "string",
        "kept": "bool",
        "reason": "string",
        "outcome": "string",
        "verifier": "string",
        "verifier_version": "string",
    },
}
NULLABLE: Mapping[str, Mapping[str, str]] = {
    "problems": {"level": "int64", "skill": "string", "template": "string", "external_id": "string", "meta": "string"},
    "completions": {"tokens_out": "int64"},
}
ROW_ID: Mapping[str, str] = {
    "problems": "id",
    "completions": "id",
    "verdicts": "completion_id",
    "decisions": "completion_id",
}


def type_name(kind: pa.DataType) -> str:
    """The type as the lists above spell it; the string layouts are one type."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    return str(kind)


PART = 8_192  # rows whose texts are looked at together
PAIR = ["completion_id", "problem_id"]
UNDECIDED = "undecided"
NO_VERDICT = "no verdict"


@dataclass(frozen=True, slots=True)
class Links:
    """The completions and problems that the rows of each kind name, as numbers: equal where the ids are."""

    completions: Mapping[str, Ints]
    problems: Mapping[str, Ints]

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table]) -> "Links":
        """Links of all kinds."""
        both = ("verdicts", "decisions")
        completions = _numbered(tables, {"completions": "id", **dict.fromkeys(both, "completion_id")})
        return cls(completions, _numbered(tables, {"problems": "id", **dict.fromkeys(both, "problem_id")}))

    def pairs(self, kind: str) -> Ints:
        """A number for the (completion, problem) of each row."""
        # Numbers count different ids, so each half needs fewer than 32 bits.
        return self.completions[kind] << 32 | self.problems[kind]


def _numbered(tables: Mapping[str, pa.Table], columns: Mapping[str, str]) -> dict[str, Ints]:
    """A number for each value of one column of some kinds, the same for equal values of all of them."""
    known: list[Keys] = []  # what each kind added to those before it, in order
    numbers: dict[str, Ints] = {}
    for kind, name in columns.items():
        keys = id_keys(tables[kind][name])
        numbered, first = np.full(len(keys), -1, dtype=np.int64), 0
        for some in known:
            at = places(keys, some)
            numbered = np.where(at < 0, numbered, first + at)
            first += len(some)
        if (new := numbered < 0).any():
            known.append(np.unique(keys[new]))
            numbered[new] = first + places(keys[new], known[-1])
        numbers[kind] = numbered
    return numbers


@dataclass(frozen=True, slots=True)
class RowNames:
    """The ids by which the rows of a kind are named, of those `among` marks only; read once some are to be named."""

    table: pa.Table
    kind: str
    among: pa.ChunkedArray | None = None

    def filter(self, mask: Any) -> pa.ChunkedArray:
        """The names of the marked rows."""
        names = _row_ids(self.kind, self.table)
        return (names if self.among is None else names.filter(self.among)).filter(mask)


def columns_frame(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Rows for each column that should be there: its expected and its observed type."""
    rows = []
    for kind, required in REQUIRED.items():
        schema = tables[kind].schema
        for name, expected in {**required, **NULLABLE.get(kind, {})}.items():
            observed = type_name(schema.field(name).type) if name in schema.names else "missing"
            rows.append({"row": f"{kind}.{name} ({observed})", "expected": expected, "observed": observed})
    return pa.Table.from_pylist(rows)


def parts(table: pa.Table) -> Iterator[pa.Table]:
    """The rows in batches: their texts may be on disk."""
    return (pa.Table.from_batches([batch]) for batch in table.to_batches(max_chunksize=PART))


def missing_rows(tables: Mapping[str, pa.Table]) -> list[str]:
    """The rows that lack a value of a required column, by kind and column; a row that lacks its own id is unnamed."""
    rows: list[str] = []
    for kind, required in REQUIRED.items():
        lacking: dict[str, list[str]] = {name: [] for name in required}
        for part in parts(tables[kind]):
            for name in required:
                if part[name].null_count:
                    lacking[name] += _row_ids(kind, part).filter(pc.is_null(part[name])).to_pylist()
        rows += [row for named in lacking.values() for row in named]
    return list(dict.fromkeys(rows))


def key_times(kind: str, tables: Mapping[str, pa.Table], links: Links) -> Ints:
    """Number of rows of a kind with the key of each row."""
    table = tables[kind]
    by_id = {"problems": links.problems, "completions": links.completions}
    keys = [by_id[kind][kind] if kind in by_id else links.pairs(kind)]
    times = np.ones(len(keys[0]), dtype=np.int64)
    again = _repeated(keys[0])  # few, mostly: numbering every key takes eight columns of its size
    if len(again):
        keys += [codes(table[name]) for name in ("verifier", "version") if kind == "verdicts"]
        _, which = distinct([key[again] for key in keys])
        times[again] = _times(which, which)
    return times


def references_of_prompts(problems: pa.Table) -> tuple[Ints, str]:
    """For each problem the number of references that its prompt has, and the first prompt with several in words."""
    keys: list[int] = []
    first: dict[int, str] = {}
    several: dict[int, dict[str, None]] = {}
    words = ""
    tested = "tests" in problems.column_names
    for part in parts(problems):
        tests = part["tests"].to_pylist() if tested else [None] * part.num_rows
        for prompt, reference, test in zip(part["prompt"].to_pylist(), part["reference"].to_pylist(), tests, strict=True):
            text, plain = asked(_question(prompt)), plain_reference(reference or "")
            keys.append(hash((text, str(test))))
            before = first.setdefault(keys[-1], plain)
            if before != plain:
                several.setdefault(keys[-1], {before: None})[plain] = None
                words = words or f"{before[:40]!r} and {plain[:40]!r} for {text[:60]}"
    return np.array([len(several.get(key, ("",))) for key in keys], dtype=np.int64), words


def _question(cell: str | None) -> str:
    """The text of a stored prompt, which is JSON of a text or of turns."""
    prompt = json.loads(cell or '""')
    return prompt if isinstance(prompt, str) else "\n".join(str(turn["content"]) for turn in prompt)


def _repeated(values: Ints) -> Ints:
    """Places of repeated values."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    same = np.zeros(len(values) + 1, dtype=bool)  # whether a value is the one before
    same[1:-1] = ordered[1:] == ordered[:-1]
    return np.sort(order[same[1:] | same[:-1]])


def _row_ids(kind: str, table: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(table[ROW_ID[kind]], pa.scalar("(no id)"))


def rollouts_frame(
    tables: Mapping[str, pa.Table], links: Links, chain: Sequence[tuple[str, str]], policy: Policy = PLAIN
) -> pa.Table:
    """Rows for each decision: the decision and its verdict, with the verdict in the tables."""
    decisions = tables["decisions"]
    rulings, ruled = _rulings(tables, links, chain, policy)
    judged = [(ruling and ruling.outcome) or NO_VERDICT for ruling in rulings]
    judges = ["none none" if ruling is None else f"{ruling.verifier} {ruling.version}" for ruling in rulings]
    decided_by = [f"{outcome} by {judge}" for outcome, judge in zip(judged, judges, strict=True)]
    recorded = ("outcome", "verifier", "verifier_version")
    first, decided = distinct([codes(decisions[name]) for name in recorded])
    texts = (pc.fill_null(decisions[name].take(first), "none").to_pylist() for name in recorded)
    return pa.table(
        {
            "kept": pc.fill_null(decisions["kept"], fill_value=False),
            "outcome": decisions["outcome"],
            "judged": _each(ruled, judged),
            "recorded": _each(
                decided, [f"{outcome} by {name} {version}" for outcome, name, version in zip(*texts, strict=True)]
            ),
            "found": _each(ruled, decided_by),
        }
    )


def _rulings(
    tables: Mapping[str, pa.Table], links: Links, chain: Sequence[tuple[str, str]], policy: Policy
) -> tuple[list[Verdict | None], Ints]:
    """The verdicts that the policy accepts, and which of them counts of each decision; None for unjudged rows.

    Verdicts of other verifiers or versions do not count. The policy is asked once for all rows of which the chain says the
    same, about the first of them.
    """
    decisions, verdicts, wanted = tables["decisions"], tables["verdicts"], links.pairs("decisions")
    outcome_columns = [name for name in ("outcome", "value") if name in verdicts.column_names]
    shown, saying = distinct([codes(verdicts[name]) for name in outcome_columns])
    sayings = pa.table({name: verdicts[name].take(shown) for name in outcome_columns}).to_pylist()
    columns = []
    for name, version in chain:
        own = pc.and_(pc.equal(verdicts["verifier"], name), pc.equal(verdicts["version"], version))
        places = np.asarray(pc.indices_nonzero(own), dtype=np.int64)
        columns.append(_looked_up(wanted, links.pairs("verdicts")[places], saying[places]))
    # With a column of zeros: an empty chain has no column of its own.
    first, ruled = distinct([np.zeros_like(wanted), *columns])
    rulings = []
    for row in first.tolist():
        ids = [decisions[name][row].as_py() for name in PAIR]
        sayings_at = zip(chain, (int(column[row]) for column in columns), strict=True)
        known = {key: Verdict(ids[0], ids[1], *key, rule="", **sayings[at]) for key, at in sayings_at if at >= 0}
        rulings.append(accepted_verdict(policy, chain, known) if known else None)
    return rulings, ruled


def _looked_up(wanted: Ints, keys: Ints, values: Ints) -> Ints:
    """The last value under each wanted key; -1 if there is none."""
    if not len(keys):
        return np.full_like(wanted, -1)
    order = np.argsort(keys, kind="stable")
    at = np.maximum(np.searchsorted(keys[order], wanted, side="right") - 1, 0)
    return np.where(keys[order][at] == wanted, values[order][at], -1)


def counts_frame(tables: Mapping[str, pa.Table], links: Links) -> pa.Table:
    """Rows for each completion: how many decisions it has, and how many more than problems of its prompt are inside.

    Completions of steps that are not judged need no decision.
    """
    prompts = _numbered(tables, {"problems": "prompt_id", "completions": "prompt_id"})
    decisions = _times(links.completions["completions"], links.completions["decisions"])
    unjudged = unjudged_completions(tables["threads"])
    if len(unjudged):
        judged = places(id_keys(tables["completions"]["id"]), np.unique(id_keys(unjudged))) < 0
        decisions = np.where(judged, decisions, 1)
    surplus = np.maximum(decisions - _times(prompts["completions"], prompts["problems"]), 0)
    return pa.table({"decisions": decisions, "surplus": surplus})


def membership_frame(links: Links) -> pa.Table:
    """Rows for each decision: how often its completion and its problem are inside."""
    columns: dict[str, Any] = {
        "completion_inside": _times(links.completions["decisions"], links.completions["completions"]),
        "problem_inside": _times(links.problems["decisions"], links.problems["problems"]),
    }
    return pa.table(columns)


def distinct(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """First place of each distinct row of some columns, and the distinct row that every row equals."""
    first, which = np.zeros(0, dtype=np.int64), np.zeros_like(columns[0])
    for column in columns:
        span = int(column.max(initial=0)) + 2  # from -1 on
        # Numbered anew for each column, so that the product of many columns stays within 64 bits.
        _, first, which = np.unique(which * span + column + 1, return_index=True, return_inverse=True)
    return first, which


def codes(values: pa.ChunkedArray) -> Ints:
    """A number for each value, null among them: equal ones where the values are."""
    # Chunks may have dictionaries of their own, in which one code means different values.
    whole = values.combine_chunks()
    # "encode" gives null a code; by default it is a null among the indices.
    coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode("encode")
    return np.asarray(coded.indices, dtype=np.int64)


def _each(which: Ints, texts: Sequence[str]) -> pa.ChunkedArray:
    """Dictionary-encoded column of few distinct texts."""
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(texts, pa.string()))])


def _times(values: Ints, among: Ints) -> Ints:
    """Number of occurrences of each value among others."""
    return np.bincount(among, minlength=int(values.max(initial=0)) + 1)[values]
