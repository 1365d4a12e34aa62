"""Reports of a trial: what was compared, the differences with intervals, and what everything cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.files import json_text, write_text
from rollmill.ground.formats.rate_texts import interval_text, rate_text, with_interval

Row = Mapping[str, Any]


def write_trial(folder: Path, outcome: Row) -> list[Path]:
    """Write trial.json and trial.md into a folder; their paths."""
    paths = [folder / "trial.json", folder / "trial.md"]
    write_text(paths[0], json_text(dict(outcome)))
    write_text(paths[1], trial_page(outcome))
    return paths


def trial_page(outcome: Row) -> str:
    """The report as Markdown."""
    return "\n".join(
        [
            f"# Trial {outcome['trial']}\n",
            *(f"{sentence(row)}{_changed(row)}\n" for row in outcome["comparisons"] if row["primary"]),
            _comparisons(outcome),
            _arms(outcome),
            _by_seed(outcome),
            _by_benchmark(outcome),
        ]
    )


def sentence(row: Row) -> str:
    """A comparison in one sentence: which arm is better, or what would have been seen."""
    measure, low, high = row["measure"], row["low"], row["high"]
    amount = with_interval(row["difference"], low, high, "+")
    # With fewer than three seeds the interval leaves out how much other trainings would differ.
    scope = "" if row["over_seeds"] else ", of these trained models only"
    if row.get("shown"):
        better, worse = (row["arm"], row["against"]) if row["difference"] > 0 else (row["against"], row["arm"])
        return f"Students of {better} are better than those of {worse}: {measure} {amount}{scope}."
    seen = "" if row["detectable"] is None else f" A difference of {row['detectable']:.3f} would have been seen in 80%."
    return f"Undecided between {row['arm']} and {row['against']}: {measure} {amount}{scope}.{seen}"


def _changed(row: Row) -> str:
    """The share of problems that another share of students solves, in a sentence."""
    return "" if row["changed"] is None else f" The pass rate of {row['changed']:.0%} of problems changed."


def _comparisons(outcome: Row) -> str:
    lines = [
        "| arm | against | measure | before | after | difference | interval | p | units "
        "| variance: problems, seeds, rest |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in outcome["comparisons"]:
        shares = row["shares"]
        parts = "" if shares is None else ", ".join(f"{shares[name]:.0%}" for name in ("problems", "seeds", "rest"))
        lines.append(
            f"| {row['arm']} | {row['against']} | {row['measure']} | {rate_text(row['value_before'])} "
            f"| {rate_text(row['value_after'])} | {rate_text(row['difference'], '+')} "
            f"| {interval_text(row['low'], row['high'], '+')} at {row['confidence']:.3f} "
            f"| {row['p']:.4f}{_by_holm(row)} | {row['units']} | {parts} |"
        )
    return "## Differences\n\n" + "\n".join(lines) + "\n"


def _by_holm(row: Row) -> str:
    """p as Holm corrects it for several arms."""
    corrected = row.get("p_holm")
    # Holm leaves a single comparison as it is.
    return "" if corrected is None or corrected == row["p"] else f" (Holm {corrected:.4f})"


def _arms(outcome: Row) -> str:
    # Without a price in the profile the column would be empty.
    priced = any(arm.get("money") is not None for arm in outcome["arms"])
    price = f" {outcome['currency']} in all |" if priced else ""
    lines = [
        f"| arm | data | rows | students | trained tokens each | epochs | seconds in all |{price} tokens of a completion |",
        f"|---|---|---|---|---|---|---|{'---|' if priced else ''}---|",
    ]
    for arm in outcome["arms"]:
        data = ", ".join(f"{part['version']} ({part['content_hash'][:8]})" for part in arm["data"])
        money = f" {arm['money']:,.2f} |" if priced else ""
        lines.append(
            f"| {arm['arm']} | {data} | {arm['rows']:,} | {len(arm['students'])} | {max(arm['tokens_each']):,} "
            f"| {arm['epochs']:.2f} | {arm['seconds']:,.0f} |{money} {arm['tokens_out']:.1f} |"
        )
    equal = "nothing" if outcome["equal"] == "as_stated" else outcome["equal"].replace("_", " ")
    conditions = f"Equal for all students: {equal}. {outcome['samples']} samples of {outcome['problems']:,} problems each."
    return f"## Arms\n\n{conditions}\n\n" + "\n".join(lines) + "\n"


def _by_seed(outcome: Row) -> str:
    rows = [row for row in outcome["comparisons"] if row["primary"]]
    seeds = len(rows[0]["by_seed"])
    lines = [f"| arm | {' | '.join(str(seed) for seed in range(seeds))} |", f"|---|{'---|' * seeds}"]
    lines += [f"| {row['arm']} | {' | '.join(rate_text(value, '+') for value in row['by_seed'])} |" for row in rows]
    return "## Difference at each seed\n\n" + "\n".join(lines) + "\n"


def _by_benchmark(outcome: Row) -> str:
    if not outcome["by_benchmark"]:
        return ""
    lines = ["| benchmark | arm | difference | interval |", "|---|---|---|---|"]
    lines += [
        f"| {row['benchmark']} | {row['arm']} | {rate_text(row['difference'], '+')} "
        f"| {interval_text(row['low'], row['high'], '+')} |"
        for row in outcome["by_benchmark"]
    ]
    return "## By benchmark\n\n" + "\n".join(lines) + "\n"
