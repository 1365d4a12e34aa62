"""Rows of a run or dataset version as plain Parquet with a documented schema, for people who leave this program."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_text, sync_folder
from rollmill.storage.versions.content.prompts import SHOWN

if TYPE_CHECKING:
    import pyarrow as pa

    from rollmill.storage.queries import Scope

ABOUT = "about.json"
_ROWS = 2_048  # read at a time


@dataclass(frozen=True, slots=True)
class EjectedTable:
    """A file: what a row is, its SELECT over the views of a scope, and the meaning of each column."""

    row: str
    select: str
    columns: Mapping[str, str]


_IDS = {"problem_id": "`id` in problems", "completion_id": "`id` in completions"}
TABLES: Mapping[str, EjectedTable] = {
    "problems": EjectedTable(
        "One problem.",
        f"SELECT {SHOWN} FROM problems ORDER BY id",  # noqa: S608 - ours
        {
            "prompt": "text, or JSON of a list of messages",
            "prompt_is_messages": "true for messages",
            "reference": "right answer",
            "kind": "how answers are read: `math`, `code`, ...",
            "tests": "JSON of a list of tests, for code",
            "source": "where the problem is from",
            "licence": "SPDX name",
            "split": "`train`, `test`, ...",
            "level": "difficulty, from 1",
            "skill": "what it asks for",
            "template": "what made it",
            "meta": "JSON of anything else",
            "external_id": "its id where it is from",
            "prompt_id": "hash of the prompt",
            "id": "hash of kind, prompt, reference and tests",
        },
    ),
    "completions": EjectedTable(
        "One answer of a model to a prompt.",
        "SELECT c.* FROM completions c SEMI JOIN "
        "(SELECT completion_id AS id FROM rollouts UNION ALL SELECT completion_id FROM threads) USING (id)",
        {
            "id": "hash of model, prompt, sampling, seed and index; of an imported one of its text",
            "prompt_id": "`prompt_id` in problems",
            "engine": "program that drew it",
            "model": "name",
            "model_digest": "hash of the weights, if known",
            "stream": "`curate`, `evaluate`, `pilot` or `import`",
            "sample_index": "0 for the first answer to a prompt",
            "seed": "of the draw",
            "text": "the answer",
            "finish_reason": "`stop`, `length`, ...",
            "tokens_in": "tokens of the prompt",
            "tokens_out": "tokens of the answer",
            "cost": "in the currency of the profile",
            "logprob_sum": "natural logarithm of its probability",
            "self_certainty": "mean over tokens, if the engine has it",
            "seconds": "duration of the draw",
            "reasoning": "text that the model gave apart",
            "messages": "JSON of turns and tool calls",
            "prompt_token_ids": "tokens of the prompt",
            "token_ids": "tokens of the answer",
            "logprobs": "by token",
            "top_logprobs": "JSON by token",
            "template_digest": "hash of the chat template",
            "meta": "JSON of anything else",
        },
    ),
    "verdicts": EjectedTable(
        "What one verifier says of one completion as an answer to one problem.",
        "SELECT v.* FROM verdicts v SEMI JOIN rollouts USING (problem_id, completion_id)",
        {
            **_IDS,
            "verifier": "name",
            "version": "of the verifier and its options",
            "outcome": "`correct`, `incorrect`, `unparsed` (no answer), `undecided` (the verifier's own failure)",
            "rule": "rule that decided",
            "cause": "reason for no plain yes or no",
            "value": "share of tests passed",
            "extracted": "answer found in the text",
            "normal_form": "the answer as compared",
            "reference_form": "the reference as compared",
            "seconds": "duration",
            "evidence": "JSON of details",
        },
    ),
    "decisions": EjectedTable(
        "One rollout, a completion as an answer to a problem: its accepted outcome, and whether it is kept.",
        "SELECT * FROM rollouts ORDER BY problem_id, completion_id",
        {
            **_IDS,
            "sample_index": "0 for the first answer to a prompt",
            "step": "step of the recipe that drew it, empty if there is one step",
            "outcome": "accepted one, by the recipe's policy over the verdicts; `pending` in a run that goes on",
            "verifier": "verifier or policy that gave it",
            "verifier_version": "its version",
            "kept": "true for the training set; null in a run that goes on",
            "reason": "why it is kept, or not",
        },
    ),
    "threads": EjectedTable(
        "One completion of a recipe with several steps; `unjudged` ones have no decision.",
        "SELECT * FROM threads ORDER BY problem_id, completion_id",
        {
            **_IDS,
            "step": "step that drew it",
            "role": "`answer`, or what the step does instead",
            "after": "ids of the completions that it follows, separated by spaces",
        },
    ),
}
MEANING = """A problem's pass rate is the number of its `correct` decisions divided by the number of its `correct`,
`incorrect` and `unparsed` ones; `undecided` ones count nowhere. Where `prefix` in about.json is a number, only decisions
with a smaller `sample_index` and with the `step` of about.json count: a stopping rule chose the others, so their share is
no measurement. 0 allows no rate. The kept set is the decisions with `kept`, joined to completions and problems by id."""


def eject(scope: "Scope", out: Path, keys: Mapping[str, str]) -> dict[str, int]:
    """Write the tables of a scope into a new folder; rows by table. `keys`: secret keys, refused in any row."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SetupError(f"{out} is not an empty folder.", next_command=f"rollmill dataset eject {scope.name} OTHER")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a killed command
    partial.mkdir(parents=True)
    try:
        rows = dict(_write_tables(scope, partial))
        about = json_text(_about(scope))
        (partial / ABOUT).write_text(about, encoding="utf-8")
        (partial / "README.md").write_text(f"# Rows of {scope.name}\n\n{schema_page()}", encoding="utf-8")
        _refuse_keys(scope, partial, about, keys)
        sync_folder(partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return rows


def schema_page() -> str:
    """The tables and columns as Markdown."""
    parts = [MEANING]
    for name, table in TABLES.items():
        lines = [f"| {column} | {meaning} |" for column, meaning in table.columns.items()]
        parts.append("\n".join([f"## {name}.parquet", "", table.row, "", "| column | meaning |", "|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def _write_tables(scope: "Scope", folder: Path) -> Iterator[tuple[str, int]]:
    import pyarrow.parquet as pq

    with scope.connection("rollouts", "threads", "problems", "completions", "verdicts") as connection:
        for name, table in TABLES.items():
            columns = ", ".join(f'"{column}"' for column in table.columns)
            reader = connection.sql(f"SELECT {columns} FROM ({table.select})").to_arrow_reader(_ROWS)  # noqa: S608 - ours
            count = 0
            with pq.ParquetWriter(folder / f"{name}.parquet", reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
                    count += batch.num_rows
            yield name, count


def _about(scope: "Scope") -> dict[str, Any]:
    """Facts that are in no row: the recipe, and which decisions allow a rate."""
    from rollmill.storage.versions.read import load_manifest

    if scope.version is not None:
        manifest = load_manifest(scope.version)
        recipe, hashes = manifest["recipe"], manifest["hashes"]
    else:
        assert scope.run is not None, "a scope is of a run or of a version"
        recipe, hashes = scope.run.recipe, {}
    return {"of": scope.name, "prefix": scope.prefix, "step": scope.step, "hashes": hashes, "recipe": recipe}


def _refuse_keys(scope: "Scope", folder: Path, about: str, keys: Mapping[str, str]) -> None:
    import pyarrow.parquet as pq

    from rollmill.storage.versions.leaks import refuse_in_rows

    def rows() -> "Iterator[tuple[str, pa.RecordBatch]]":
        for name in TABLES:
            for batch in pq.ParquetFile(folder / f"{name}.parquet").iter_batches(_ROWS):
                yield name, batch

    refuse_in_rows(f"{scope.name} is not ejected", rows(), {ABOUT: about}, keys)
