"""The rules of the gate as data: expectations of rows, and the words of the result."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contamination import LEAKS, ContaminationCertificate, Overlaps, RecallFloor
from pipelines.gate import rule_frames
from pipelines.gate.rule_frames import REQUIRED, Links, RowNames
from pipelines.metrics import DRIFT_KINDS, Drift
from pipelines.stats import with_interval


@dataclass(frozen=True, slots=True)
class GatePart:
    """Expectation on the values of some rows: equal to others or to one text, or at least and at most a number.

    `rows`: the names of the rows (Arrow, or RowNames). `values`: texts or numbers, as an Arrow or numpy column.
    """

    rows: Any
    values: Any
    equal: Any = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that a check measures, with its lower and upper limit; None: no such end.

    `option`: the gate's option that sets these ends, as a recipe's key below `gate`; empty if no option can.
    """

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    option: str = ""

    @property
    def outside(self) -> bool:
        """True for a number below its least or above its most."""
        return (self.least is not None and self.value < self.least) or (self.most is not None and self.value > self.most)

    def part(self) -> GatePart:
        """The number as a row: it is of the whole dataset and has no name of its own."""
        return GatePart(
            pa.nulls(1, pa.string()), np.array([self.value], dtype=np.float64), least=self.least, most=self.most
        )


@dataclass(frozen=True, slots=True)
class GateRule:
    """A check. `observed` words the result for a number of failing rows; `blamed` names them where the frames do not.

    `measures`: the numbers that it is about; none if it counts the rows against it, of which there must be none.
    """

    name: str
    expected: str
    parts: Sequence[GatePart]
    observed: Callable[[int], str]
    blamed: Sequence[str] = ()
    measures: Sequence[Measure] = ()


def schema_rules(tables: Mapping[str, pa.Table]) -> list[GateRule]:
    """The columns are there with their types; without them no other rule can run."""
    frame = rule_frames.columns_frame(tables)
    part = GatePart(frame["row"], frame["observed"], equal=frame["expected"])
    return [GateRule("schema", "every column with its type", [part], _wording("columns", frame.num_rows))]


def table_rules(tables: Mapping[str, pa.Table], links: Links) -> list[GateRule]:
    """Nothing missing, nothing empty, every id once."""
    # One number for all columns: an expectation for each of the 27 took half of a gate's time.
    missing = rule_frames.missing_rows(tables)
    fewest = min(tables[kind].num_rows for kind in ("problems", "completions", "decisions"))
    sizes = ", ".join(f"{tables[kind].num_rows:,} {kind}" for kind in REQUIRED)
    unique = [
        GatePart(RowNames(tables[kind], kind), rule_frames.key_times(kind, tables, links), most=1) for kind in REQUIRED
    ]
    words = _wording("rows", sum(tables[kind].num_rows for kind in REQUIRED))
    return [
        _of_number("nulls", "no required value missing", Measure("values missing", len(missing), None, 0), words, missing),
        _of_number(
            "not empty", "problems, completions and decisions", Measure("fewest rows of a kind", fewest, 1), lambda _: sizes
        ),
        GateRule("unique", "every id once", unique, words),
        _references_rule(tables["problems"]),
    ]


def _references_rule(problems: pa.Table) -> GateRule:
    """A prompt with two references teaches both answers, and prefers each of them over the other."""
    references, example = rule_frames.references_of_prompts(problems)
    words = _wording("problems", problems.num_rows)
    return GateRule(
        "one reference",
        "every prompt with one reference",
        [GatePart(RowNames(problems, "problems"), references, most=1)],
        lambda failing: f"{words(failing)}: {example}; correct them, or drop all but one" if failing else words(failing),
    )


def evaluation_rules(tables: Mapping[str, pa.Table], overlaps: Overlaps, size: int) -> list[GateRule]:
    """No evaluation problem inside, neither verbatim nor edited, nor repeated in a kept answer."""
    leaking: dict[str, str] = {hit.row: hit.overlap for _, hit in overlaps.leaks}
    ids = [str(row) for row in tables["problems"]["id"].to_pylist()]
    # A leak in an answer is a row too, named by its completion and not among the problems.
    rows = list(dict.fromkeys([*ids, *leaking]))
    new = overlaps.by_class()["new numbers"]

    def leaks(name: str) -> list[GatePart]:
        return [
            GatePart(
                pa.array(rows, pa.string()), np.array([leaking.get(row) == name for row in rows], dtype=np.int64), most=0
            )
        ]

    def near(failing: int) -> str:
        return f"{failing:,} edited copies; {new:,} with the same wording or graph and new numbers (reported only)"

    against = f"none of {size:,} evaluation problems" if size else "no evaluation problems were given: none"
    return [
        GateRule("evaluation, exact", f"{against} inside", leaks(LEAKS[0]), _wording("problems", len(rows))),
        GateRule("evaluation, edited", f"{against} reworded or repeated", leaks(LEAKS[1]), near),
    ]


def recall_rules(certificate: ContaminationCertificate, floor: RecallFloor) -> list[GateRule]:
    """Rules on recall: planted copies are found often enough, and other texts are seldom called copies."""
    # An edit that changes none of the problems has no copies and no rate.
    recall = [(row, row.rate.json()) for row in certificate.recall if row.edit in floor.edits and row.rate.n]
    flags = [(row, row.rate.json()) for row in certificate.false_flags if row.rate.n]
    recall_texts = [f"{row.edit} in a {row.place}: {rate['found']} of {rate['n']}" for row, rate in recall]
    flag_texts = [f"{row.pairs} in a {row.place}: {rate['found']} of {rate['n']}" for row, rate in flags]
    lows, shares = [rate["low"] for _, rate in recall], [rate["share"] for _, rate in flags]
    if not recall:  # a floor that nothing was measured for is not reached
        recall_texts, lows = ["no planted copy could be made"], [0.0]
    # NaN is above no limit: without pairs nothing was called a leak.
    least, most = min(lows), max(shares, default=math.nan)
    low = f"recall of planted copies at least {floor.min_recall:.2f}, lower limits of 95% intervals"
    return [
        GateRule(
            "evaluation, recall",
            low,
            [GatePart(pa.array(recall_texts, pa.string()), np.array(lows, dtype=np.float64), least=floor.min_recall)],
            lambda _: f"lowest limit {least:.3f} over {len(recall)} kinds of copies",
            measures=[Measure("lowest limit of recall", least, floor.min_recall, option="contamination.min_recall")],
        ),
        GateRule(
            "evaluation, false flags",
            f"at most {floor.max_false_flags:.2%} of pairs that are no copies called leaks",
            [GatePart(pa.array(flag_texts, pa.string()), np.array(shares, dtype=np.float64), most=floor.max_false_flags)],
            lambda _: f"highest share {most:.2%} over {len(flags)} kinds of pairs",
            measures=[
                Measure(
                    "highest share of false flags",
                    most,
                    None,
                    floor.max_false_flags,
                    option="contamination.max_false_flags",
                )
            ],
        ),
    ]


def rollout_rules(tables: Mapping[str, pa.Table], links: Links, rollouts: pa.Table, chain: str) -> list[GateRule]:
    """Kept rollouts are correct, decisions follow from the recorded verdicts, and the counts reconcile."""
    kept = rollouts.filter(rollouts["kept"])
    decided, completions = RowNames(tables["decisions"], "decisions"), RowNames(tables["completions"], "completions")
    correct = GatePart(RowNames(tables["decisions"], "decisions", rollouts["kept"]), kept["judged"], equal="correct")
    recorded = GatePart(decided, rollouts["recorded"], equal=rollouts["found"])
    counts, strangers = rule_frames.counts_frame(tables, links), rule_frames.membership_frame(links)
    reconcile = [
        GatePart(completions, counts["decisions"], least=1),
        GatePart(completions, counts["surplus"], most=0),
        GatePart(decided, strangers["completion_inside"], least=1),
        GatePart(decided, strangers["problem_inside"], least=1),
    ]
    sizes = f"{counts.num_rows:,} completions, {kept.num_rows:,} kept + {rollouts.num_rows - kept.num_rows:,} dropped"
    stands = f"every decision on its verdict under {chain}"

    def reconciled(failing: int) -> str:
        return f"{sizes}, {failing:,} astray"

    return [
        GateRule(
            "kept correct",
            f"correct under {chain}",
            [correct],
            _wording("kept rollouts", kept.num_rows),
        ),
        GateRule(
            "verdicts",
            stands,
            [recorded],
            _wording("decisions", rollouts.num_rows),
        ),
        GateRule("reconcile", "drawn = kept + dropped, one decision per rollout", reconcile, reconciled),
    ]


def amount_rules(
    tables: Mapping[str, pa.Table], rollouts: pa.Table, *, drawn: int | None, max_undecided: float, min_kept: int
) -> list[GateRule]:
    """Rules on amounts: everything planned is there, few rollouts are undecided, enough are kept."""
    size, decided = rollouts.num_rows, RowNames(tables["decisions"], "decisions")
    undecided = decided.filter(pc.equal(rollouts["outcome"], rule_frames.UNDECIDED)).to_pylist()
    share = len(undecided) / size if size else 0.0
    # The sum of no rows is null.
    kept = int(pc.sum(rollouts["kept"]).as_py() or 0)
    at_most, at_least = f"at most {max_undecided:.2%} of rollouts", f"at least {min_kept:,} rollouts"
    rules = [
        _of_number(
            "undecided",
            at_most,
            Measure("share of rollouts", share, None, max_undecided, option="max_undecided"),
            lambda _: f"{share:.2%}",
            undecided,
        ),
        _of_number("kept", at_least, Measure("rollouts", kept, min_kept, option="min_kept"), lambda _: f"{kept:,}"),
    ]
    if drawn is not None:
        planned = f"{drawn:,} planned rollouts"
        measure = Measure("rollouts", size, drawn, drawn)
        rules.insert(0, _of_number("drawn", planned, measure, lambda _: f"{size:,}"))
    return rules


def level_rules(levels: Sequence[Mapping[str, Any]], bounds: Mapping[int, tuple[float, float]]) -> list[GateRule]:
    """The share of each bounded level among the kept rollouts is within its bounds."""
    shares = {entry["level"]: entry["kept_share"] or 0.0 for entry in levels}
    bounded = [(level, shares.get(level, 0.0), *ends) for level, ends in sorted(bounds.items())]
    names = [pa.array([f"level {level} ({share:.1%})"]) for level, share, _, _ in bounded]
    values = [np.array([share]) for _, share, _, _ in bounded]
    parts = [GatePart(name, value, least=low) for name, value, (_, _, low, _) in zip(names, values, bounded, strict=True)]
    parts += [GatePart(name, value, most=high) for name, value, (_, _, _, high) in zip(names, values, bounded, strict=True)]
    wanted = ", ".join(f"{level}: {low:.0%} to {high:.0%}" for level, (low, high) in sorted(bounds.items()))
    observed = ", ".join(f"{'none' if level is None else level}: {share:.1%}" for level, share in shares.items())
    measures = [Measure(f"level {level}", share, low, high, f"level_shares.{level}") for level, share, low, high in bounded]
    expected = wanted or "any (the recipe sets no bounds)"
    return [GateRule("level shares", expected, parts, lambda _: observed or "nothing kept", measures=measures)]


def drift_rules(against: str | None, drifts: Sequence[Drift], limits: Mapping[str, float]) -> list[GateRule]:
    """No limited kind of drift from the version before, `against`, is above its limit; and the drift expected by chance is
    not either, for then there are too few rows to decide. A first version has nothing to drift from.
    """
    by_kind = {drift.kind: drift for drift in drifts}
    return [_drift_rule(against, kind, by_kind.get(kind), limits[kind]) for kind in DRIFT_KINDS if kind in limits]


def _drift_rule(against: str | None, kind: str, drift: Drift | None, limit: float) -> GateRule:
    name, expected = (
        f"drift, {kind.replace('_', ' ')}",
        f"at most {limit:g} from {against[:8] if against else 'the version before'}",
    )
    if drift is None:
        return GateRule(name, expected, [], lambda _: "the first version: nothing to compare with")
    if drift.shift is None:
        # 1 of at most 0: a drift that cannot be measured never passes.
        return GateRule(name, expected, [Measure("", 1.0, None, 0.0).part()], lambda _: drift.missing)
    distance, chance = drift.shift.distance, drift.shift.chance
    told = distance.value > limit or (distance.clusters > 1 and chance <= limit)
    of = f"{drift.rows[0]:,} and {drift.rows[1]:,} rows of {distance.clusters:,} clusters"
    words = f"{with_interval(distance.value, distance.low, distance.high)}, {of}"
    few = f"; too few to tell: chance alone gives {chance:.3f}" if distance.clusters > 1 else "; one cluster tells nothing"
    measured = (("distance", distance.value), ("chance alone", chance))
    measures = [Measure(what, value, None, limit, option=f"max_drift.{kind}") for what, value in measured]
    # The last part fails where the distance is small and the rows are too few to show it.
    parts = [measure.part() for measure in measures] + [Measure("", float(told), 1.0).part()]
    return GateRule(name, expected, parts, lambda _: words if told else words + few, measures=measures)


def _of_number(
    name: str, expected: str, measure: Measure, observed: Callable[[int], str], blamed: Sequence[str] = ()
) -> GateRule:
    """A check of one number."""
    return GateRule(name, expected, [measure.part()], observed, blamed, [measure])


def _wording(noun: str, total: int) -> Callable[[int], str]:
    return lambda failing: f"{failing:,} of {total:,} {noun} against it" if failing else f"all of {total:,} {noun}"
