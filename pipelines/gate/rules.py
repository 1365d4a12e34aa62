"""The rules of the gate as data: which frame must satisfy which expectations, and the words of the result.

An expectation is the name of a Great Expectations class and its arguments; its unexpected rows are named by the column
`row`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.contamination import LEAKS, Certificate, Overlaps, RecallFloor
from pipelines.gate import rule_frames
from pipelines.gate.rule_frames import REQUIRED

Expectation = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """A frame and what is expected of it."""

    frame: pd.DataFrame
    expectations: Sequence[Expectation]


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. `observed` words the result for a number of failing rows; `blamed` names them where the frames do not."""

    name: str
    expected: str
    parts: Sequence[Part]
    observed: Callable[[int], str]
    blamed: Sequence[str] = ()


def schema_rules(tables: Mapping[str, pa.Table]) -> list[Rule]:
    """The columns are there with their types; without them no other rule can run."""
    frame = rule_frames.columns_frame(tables)
    pair = ("ExpectColumnPairValuesToBeEqual", {"column_A": "expected", "column_B": "observed"})
    return [Rule("schema", "every column with its type", [Part(frame, [pair])], _wording("columns", len(frame)))]


def table_rules(tables: Mapping[str, pa.Table]) -> list[Rule]:
    """Nothing missing, nothing empty, every id once."""
    # One number for all columns: an expectation for each of the 27 took half of a gate's time.
    missing = rule_frames.missing_rows(tables)
    fewest = min(tables[kind].num_rows for kind in ("problems", "completions", "decisions"))
    sizes = ", ".join(f"{tables[kind].num_rows:,} {kind}" for kind in REQUIRED)
    keys = {"verdicts": [*rule_frames.PAIR, "verifier", "version"], "decisions": rule_frames.PAIR}
    unique = []
    for kind in REQUIRED:
        columns = keys.get(kind, [])
        name = "ExpectCompoundColumnsToBeUnique" if columns else "ExpectColumnValuesToBeUnique"
        arguments = {"column_list": columns} if columns else {"column": "row"}
        unique.append(Part(rule_frames.key_frame(kind, tables[kind], columns), [(name, arguments)]))
    words = _wording("rows", sum(tables[kind].num_rows for kind in REQUIRED))
    return [
        Rule("nulls", "no required value missing", _number(len(missing), None, 0), words, missing),
        Rule("not empty", "problems, completions and decisions", _number(fewest, 1, None), lambda _: sizes),
        Rule("unique", "every id once", unique, words),
    ]


def evaluation_rules(tables: Mapping[str, pa.Table], overlaps: Overlaps, size: int) -> list[Rule]:
    """No evaluation problem inside, neither as it is nor edited, nor repeated in a kept answer."""
    leaking: dict[str, str] = {hit.row: hit.overlap for _, hit in overlaps.leaks}
    ids = [str(row) for row in tables["problems"]["id"].to_pylist()]
    rows = list(dict.fromkeys([*ids, *leaking]))
    frame = pd.DataFrame({"row": rows, "overlap": [leaking.get(row, "none") for row in rows]})
    new = overlaps.by_class()["new numbers"]

    def leaks(name: str) -> list[Part]:
        return [Part(frame, [("ExpectColumnValuesToNotBeInSet", {"column": "overlap", "value_set": [name]})])]

    def near(failing: int) -> str:
        return f"{failing:,} edited copies; {new:,} with the same wording or graph and new numbers (reported only)"

    against = f"none of {size:,} evaluation problems" if size else "no evaluation problems were given: none"
    return [
        Rule("evaluation, exact", f"{against} inside", leaks(LEAKS[0]), _wording("problems", len(rows))),
        Rule("evaluation, edited", f"{against} reworded or repeated", leaks(LEAKS[1]), near),
    ]


def recall_rules(certificate: Certificate, floor: RecallFloor) -> list[Rule]:
    """Planted copies are found often enough, and what is no copy is seldom called one."""
    recall = [(one, one.rate.json()) for one in certificate.recall if one.edit in floor.edits and one.rate.n]
    flags = [(one, one.rate.json()) for one in certificate.false_flags if one.rate.n]
    found = pd.DataFrame(
        {
            "row": [f"{one.edit} in a {one.place}: {rate['found']} of {rate['n']}" for one, rate in recall],
            "low": [rate["low"] for _, rate in recall],
        }
    )
    called = pd.DataFrame(
        {
            "row": [f"{one.pairs} in a {one.place}: {rate['found']} of {rate['n']}" for one, rate in flags],
            "share": [rate["share"] for _, rate in flags],
        }
    )
    least, most = found["low"].min(), called["share"].max()
    low = f"recall of planted copies at least {floor.min_recall:.2f}, lower limits of 95% intervals"
    return [
        Rule(
            "evaluation, recall",
            low,
            [Part(found, [_within("low", floor.min_recall, None)])],
            lambda _: f"lowest limit {least:.3f} over {len(recall)} kinds of copies",
        ),
        Rule(
            "evaluation, false flags",
            f"at most {floor.max_false_flags:.2%} of pairs that are no copies called leaks",
            [Part(called, [_within("share", None, floor.max_false_flags)])],
            lambda _: f"highest share {most:.2%} over {len(flags)} kinds of pairs",
        ),
    ]


def rollout_rules(tables: Mapping[str, pa.Table], rollouts: pd.DataFrame, chain: str) -> list[Rule]:
    """Kept rollouts are correct, decisions stand on the recorded verdicts, and the counts reconcile."""
    kept = rollouts[rollouts["kept"].astype(bool)]
    correct = ("ExpectColumnValuesToBeInSet", {"column": "judged", "value_set": ["correct"]})
    recorded = ("ExpectColumnPairValuesToBeEqual", {"column_A": "recorded", "column_B": "found"})
    counts, strangers = rule_frames.counts_frame(tables), rule_frames.strangers_frame(tables)
    counts["surplus"] = (counts["decisions"] - counts["problems"]).clip(lower=0)
    reconcile = [
        Part(counts, [_within("decisions", 1, None), _within("surplus", 0, 0)]),
        Part(strangers, [_true("completion_inside"), _true("problem_inside")]),
    ]
    sizes = f"{len(counts):,} completions, {len(kept):,} kept + {len(rollouts) - len(kept):,} dropped"
    stands = f"every decision on its verdict under {chain}"

    def reconciled(failing: int) -> str:
        return f"{sizes}, {failing:,} astray"

    return [
        Rule("kept correct", f"correct under {chain}", [Part(kept, [correct])], _wording("kept rollouts", len(kept))),
        Rule("verdicts", stands, [Part(rollouts, [recorded])], _wording("decisions", len(rollouts))),
        Rule("reconcile", "drawn = kept + dropped, one decision per rollout", reconcile, reconciled),
    ]


def amount_rules(rollouts: pd.DataFrame, *, drawn: int | None, max_undecided: float, min_kept: int) -> list[Rule]:
    """Everything planned is there, few rollouts are undecided, enough are kept."""
    undecided = rollouts.loc[rollouts["outcome"] == rule_frames.UNDECIDED, "row"].tolist()
    share = len(undecided) / len(rollouts) if len(rollouts) else 0.0
    kept = int(rollouts["kept"].sum())
    at_most, at_least = f"at most {max_undecided:.2%} of rollouts", f"at least {min_kept:,} rollouts"
    rules = [
        Rule("undecided", at_most, _number(share, None, max_undecided), lambda _: f"{share:.2%}", undecided),
        Rule("kept", at_least, _number(kept, min_kept, None), lambda _: f"{kept:,}"),
    ]
    if drawn is not None:
        planned = f"{drawn:,} planned rollouts"
        rules.insert(0, Rule("drawn", planned, _number(len(rollouts), drawn, drawn), lambda _: f"{len(rollouts):,}"))
    return rules


def level_rules(levels: Sequence[Mapping[str, Any]], bounds: Mapping[int, tuple[float, float]]) -> list[Rule]:
    """The share of each bounded level among the kept rollouts lies within its bounds."""
    shares = {entry["level"]: entry["kept_share"] or 0.0 for entry in levels}
    frame = pd.DataFrame(
        [
            (f"level {level} ({shares.get(level, 0.0):.1%})", shares.get(level, 0.0), *bounds[level])
            for level in sorted(bounds)
        ],
        columns=["row", "share", "low", "high"],
    ).astype({"row": "object", "share": float, "low": float, "high": float})
    above = ("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "share", "column_B": "low", "or_equal": True})
    below = ("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "high", "column_B": "share", "or_equal": True})
    wanted = ", ".join(f"{level}: {low:.0%} to {high:.0%}" for level, (low, high) in sorted(bounds.items()))
    observed = ", ".join(f"{'none' if level is None else level}: {share:.1%}" for level, share in shares.items())
    parts = [Part(frame, [above, below])] if bounds else []
    return [Rule("level shares", wanted or "any (the recipe sets no bounds)", parts, lambda _: observed or "nothing kept")]


def _number(value: float, low: float | None, high: float | None) -> list[Part]:
    """A number of the whole dataset, which has no row of its own, and its bounds."""
    return [Part(pd.DataFrame({"row": [None], "value": [value]}), [_within("value", low, high)])]


def _within(column: str, low: float | None, high: float | None) -> Expectation:
    return "ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high}


def _true(column: str) -> Expectation:
    return "ExpectColumnValuesToBeInSet", {"column": column, "value_set": [True]}


def _wording(noun: str, total: int) -> Callable[[int], str]:
    return lambda failing: f"{failing:,} of {total:,} {noun} against it" if failing else f"all of {total:,} {noun}"
