"""Problems alone, for trainers that draw their own completions: a prompt, what decides its answers, and its difficulty.

`layout=trl` has `prompt` and `reference` as columns of their own (a reward function of TRL gets them by name);
`layout=verl` has the columns that verl's datasets read: `data_source`, `prompt`, `ability`, `reward_model`, `extra_info`.
The reference of a problem without one is its tests, a JSON list of texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import first_step
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts
from rollmill.storage.exports.origin import OF_HELD_OUT, is_held_out
from rollmill.storage.exports.thread_rows import dict_rows, manifest_of, problem_threads, rates_of
from rollmill.storage.exports.write import Row

_QUERY = """
select p.id, p.id as problem_id, p.prompt, coalesce(nullif(p.reference, ''), nullif(p.tests, '[]'), '') as reference,
       p.kind, p.level, p.skill, p.template, p.source, p.licence, p.split
from problems p order by p.id
"""
_DIFFICULTY: list[tuple[str, pa.DataType]] = [("judged", pa.int64()), ("correct", pa.int64()), ("pass_rate", pa.float64())]
_EXTRA: list[tuple[str, pa.DataType]] = [("problem_id", pa.string()), *ABOUT_THE_PROBLEM, *_DIFFICULTY]
LAYOUTS = ("trl", "verl")
NOT_ASKED = "problems whose prompt as sent is not stored (prompt=problem takes them)"


@dataclass
class Prompts(RolloutTexts):
    """Rows of problems. `layout`: `trl` or `verl`."""

    _: KW_ONLY
    layout: str = "trl"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout not in LAYOUTS:
            raise SetupError(f"unknown layout {self.layout!r}.", choices=LAYOUTS)
        if self.layout == "verl" and self.form == "text":
            raise SetupError("verl reads prompts as turns.", next_command="use form=chat")

    @property
    def schema(self) -> pa.Schema:
        """The columns of the layout."""
        if self.layout == "trl":
            about = [("reference", pa.string()), ("id", pa.string()), ("kind", pa.string()), *_EXTRA]
            return pa.schema([("prompt", self.turns), *about])
        judge = pa.struct([("style", pa.string()), ("ground_truth", pa.string())])
        names: list[tuple[str, pa.DataType]] = [
            ("data_source", pa.string()),
            ("prompt", self.turns),
            ("ability", pa.string()),
            ("reward_model", judge),
            ("extra_info", pa.struct([("index", pa.int64()), *_EXTRA])),
        ]
        return pa.schema(names)

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """A row a problem, by problem id."""
        self.left_out.clear()
        outside, rates = self.outside(connection), rates_of(connection)
        index, sent = 0, _first_prompts(connection) if self.reads_sent else {}
        for row in dict_rows(connection.execute(_QUERY)):
            known = rates[row["id"]]
            row |= {"judged": known.judged, "correct": known.correct, "pass_rate": known.rate, "sent": sent.get(row["id"])}
            if why := self._left_out(row, outside):
                self.left_out[why] += 1
                continue
            yield self._row(row, index)
            # After the filters: verl's index is the place of the row in the file.
            index += 1

    def _left_out(self, row: Row, outside: Mapping[str, str]) -> str | None:
        # First, so that a held-out problem is counted as such, whatever its rate.
        if not self.held_out and is_held_out(row["split"]):
            return OF_HELD_OUT
        if self.reads_sent and row["sent"] is None:
            return NOT_ASKED
        return outside.get(row["id"])

    def _row(self, row: Row, index: int) -> Row:
        prompt = self.asked(row)
        if self.layout == "trl":
            return {**row, "prompt": prompt}
        return {
            # Both keys are not columns of the file: they define the clusters of a validation file.
            "problem_id": row["problem_id"],
            "template": row["template"],
            "data_source": row["source"],
            "prompt": prompt,
            "ability": row["skill"] or row["kind"],
            "reward_model": {"style": "rule", "ground_truth": row["reference"]},
            "extra_info": {"index": index, **{name: row[name] for name, _ in _EXTRA}},
        }


def _first_prompts(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The messages that the model of the first step got, by problem."""
    step = first_step(manifest_of(connection).get("recipe", {}))
    rows = (row for problem in problem_threads(connection, sent=True) for row in problem.rows.values())
    return {row["problem_id"]: row["sent"] for row in rows if row["sent"] is not None and row["step"] == step}
