"""The rows of a dataset as the frames that the rules check, and the columns with their types that the gate relies on.

Texts never leave Arrow: no frame has one, and what is missing is counted there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.verify.acceptance import PLAIN, Policy, accepted
from storage.records import Verdict

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


PAIR = ["completion_id", "problem_id"]
UNDECIDED = "undecided"
NO_VERDICT = "no verdict"


def columns_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """One row per column that should be there: its expected and its observed type."""
    rows = []
    for kind, required in REQUIRED.items():
        schema = tables[kind].schema
        for name, expected in {**required, **NULLABLE.get(kind, {})}.items():
            observed = type_name(schema.field(name).type) if name in schema.names else "missing"
            rows.append((f"{kind}.{name} ({observed})", expected, observed))
    return pd.DataFrame(rows, columns=["row", "expected", "observed"])


def missing_rows(tables: Mapping[str, pa.Table]) -> list[str]:
    """The rows that lack a value of a required column, by kind and column; a row that lacks its own id has none to tell."""
    rows: list[str] = []
    for kind, required in REQUIRED.items():
        table = tables[kind]
        for name in required:
            if table[name].null_count:
                rows += _row_ids(kind, table).filter(pc.is_null(table[name])).to_pylist()
    return list(dict.fromkeys(rows))


def key_frame(kind: str, table: pa.Table, columns: Sequence[str]) -> pd.DataFrame:
    """What must be there once: the rows of a kind, with these columns where its id alone does not say."""
    return _pandas(pa.table({"row": _row_ids(kind, table), **{name: table[name] for name in columns}}))


def _row_ids(kind: str, table: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(table[ROW_ID[kind]], pa.scalar("(no id)"))


def counting(verdicts: pa.Table, chain: Sequence[tuple[str, str]], policy: Policy) -> pd.DataFrame:
    """One row per judged (completion, problem): the outcome that the policy accepts, and in whose name.

    Verdicts of other verifiers or versions do not count; a row that lacks one the policy asks for is not judged.
    """
    names, wanted = (*PAIR, "verifier", "version", "outcome"), set(chain)
    values: list[Any] = verdicts["value"].to_pylist() if "value" in verdicts.column_names else [None] * verdicts.num_rows
    verdicts_of: dict[tuple[str, str], dict[tuple[str, str], Verdict]] = {}
    for *row, value in zip(*(verdicts[name].to_pylist() for name in names), values, strict=True):
        cid, problem_id, verifier, version, outcome = row
        if (verifier, version) in wanted:
            verdict = Verdict(cid, problem_id, verifier, version, outcome, rule="", value=value)
            verdicts_of.setdefault((cid, problem_id), {})[verifier, version] = verdict
    ruled = ((pair, accepted(policy, chain, own)) for pair, own in verdicts_of.items())
    rows = [(*pair, verdict.verifier, verdict.version, verdict.outcome) for pair, verdict in ruled if verdict is not None]
    return pd.DataFrame(rows, columns=[*PAIR, "verifier", "version", "outcome"])


def rollouts_frame(
    tables: Mapping[str, pa.Table], chain: Sequence[tuple[str, str]], policy: Policy = PLAIN
) -> pd.DataFrame:
    """One row per decision: what was decided and on which verdict, beside the verdict found in the tables."""
    names = [*PAIR, "kept", "reason", "outcome", "verifier", "verifier_version", "arm"]
    frame = _pandas(tables["decisions"].select(names))
    judged = counting(tables["verdicts"], chain, policy).rename(
        columns={"outcome": "judged", "verifier": "judged_by", "version": "judged_version"}
    )
    frame = frame.merge(judged, on=PAIR, how="left")
    frame["judged"] = frame["judged"].fillna(NO_VERDICT)
    frame["row"] = frame["completion_id"]
    frame["recorded"] = _verdict(frame, "outcome", "verifier", "verifier_version")
    frame["found"] = _verdict(frame, "judged", "judged_by", "judged_version")
    return frame


def _verdict(frame: pd.DataFrame, outcome: str, verifier: str, version: str) -> "pd.Series[str]":
    first, second, third = (frame[name].fillna("none").astype(str) for name in (outcome, verifier, version))
    return first + " by " + second + " " + third


def counts_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """One row per completion: how many decisions it has and how many problems of its prompt are inside."""
    frame = _pandas(tables["completions"].select(["id", "prompt_id"]))
    decided = Counter(tables["decisions"]["completion_id"].to_pylist())
    owners = Counter(tables["problems"]["prompt_id"].to_pylist())
    frame["decisions"] = [decided[row] for row in frame["id"]]
    frame["problems"] = [owners[prompt] for prompt in frame["prompt_id"]]
    return frame.rename(columns={"id": "row"})


def strangers_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """One row per decision: whether its completion and its problem are inside."""
    decisions = tables["decisions"]
    columns: dict[str, Any] = {
        "row": decisions["completion_id"],
        "completion_inside": pc.is_in(decisions["completion_id"], value_set=tables["completions"]["id"]),
        "problem_inside": pc.is_in(decisions["problem_id"], value_set=tables["problems"]["id"]),
    }
    return _pandas(pa.table(columns))


def _pandas(table: pa.Table) -> pd.DataFrame:
    """The table as a frame; pyarrow ships no types."""
    frame: pd.DataFrame = table.to_pandas()
    return frame
