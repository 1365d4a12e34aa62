"""Problems alone, for trainers that draw their own completions: a prompt, what decides its answers, and its difficulty.

`layout=trl` has `prompt` and `reference` as columns of their own (a reward function of TRL gets them by name);
`layout=verl` has the columns that verl's datasets read: `data_source`, `prompt`, `ability`, `reward_model`, `extra_info`.
The reference of a problem without one is its tests, a JSON list of texts.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import duckdb
import pyarrow as pa

from storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts, of_prefix
from storage.exports.origin import OF_HELD_OUT, is_held_out
from storage.exports.thread_rows import dict_rows, manifest_of, problem_threads
from storage.exports.write import Row
from storage.ground.errors import SetupError
from storage.ground.recipe_steps import first_step

_QUERY = """
with counts as (
    select d.problem_id, count(*) filter (d.outcome in ('correct', 'incorrect', 'unparsed')) as judged,
           count(*) filter (d.outcome = 'correct') as correct
    from decisions d join rollouts r on r.id = d.completion_id where {measured} group by 1
)
select p.id, p.id as problem_id, p.prompt, coalesce(nullif(p.reference, ''), nullif(p.tests, '[]'), '') as reference,
       p.kind, p.level, p.skill, p.template, p.source, p.licence, p.split, coalesce(c.judged, 0) as judged,
       coalesce(c.correct, 0) as correct, c.correct / nullif(c.judged, 0) as pass_rate
from problems p left join counts c on c.problem_id = p.id order by p.id
"""
_DIFFICULTY: list[tuple[str, pa.DataType]] = [("judged", pa.int64()), ("correct", pa.int64()), ("pass_rate", pa.float64())]
_EXTRA: list[tuple[str, pa.DataType]] = [("problem_id", pa.string()), *ABOUT_THE_PROBLEM, *_DIFFICULTY]
LAYOUTS = ("trl", "verl")
OUTSIDE = "problems whose pass rate is not within the bounds"
NOT_ASKED = "problems whose prompt as sent is not stored (prompt=problem takes them)"
UNRATED = "problems without a pass rate"


@dataclass
class Prompts(RolloutTexts):
    """`layout`: trl or verl. `least`, `most`: bounds of the pass rate over completions fixed before any verdict.

    Bounds leave out problems that are always or never solved: their groups have no signal. A rate of few completions is
    noisy, and the problems at a bound are easier or harder than it shows (docs/explanation/statistics.md).
    """

    _: KW_ONLY
    layout: str = "trl"
    least: float = 0.0
    most: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout not in LAYOUTS:
            raise SetupError(f"unknown layout {self.layout!r}.", choices=LAYOUTS)
        if self.layout == "verl" and self.form == "text":
            raise SetupError("verl reads prompts as turns.", next_command="use form=chat")
        if not 0 <= self.least <= self.most <= 1:
            raise SetupError(f"least is {self.least} and most {self.most}; they are pass rates, from 0 to 1.")

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
        prefix, measured = of_prefix(connection)
        bounded = self.least > 0 or self.most < 1
        if bounded and prefix == 0:
            raise SetupError(
                "this version has no completions that were fixed before any verdict, so its problems have no pass rates.",
                next_command="rollmill dataset export without least and most",
            )
        index, sent = 0, _first_prompts(connection) if self.reads_sent else {}
        # Without a prefix every rate would be biased, so problems are exported with none.
        for row in dict_rows(connection.execute(_QUERY.format(measured="false" if prefix == 0 else measured))):
            row["sent"] = sent.get(row["id"])
            if why := self._left_out(row, bounded=bounded):
                self.left_out[why] += 1
                continue
            yield self._row(row, index)
            # After the filters: verl's index is the place of the row in the file.
            index += 1

    def _left_out(self, row: Row, *, bounded: bool) -> str | None:
        # First, so that a held-out problem is counted as such, whatever its rate.
        if not self.held_out and is_held_out(row["split"]):
            return OF_HELD_OUT
        if self.reads_sent and row["sent"] is None:
            return NOT_ASKED
        return self._outside(row["pass_rate"]) if bounded else None

    def _outside(self, rate: float | None) -> str | None:
        if rate is None:
            return UNRATED
        return None if self.least <= rate <= self.most else OUTSIDE

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
