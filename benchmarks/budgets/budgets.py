"""Budgets compared on recorded draws: tokens to a coverage, coverage at equal tokens by level, regret to an oracle.

    python benchmarks/budgets/budget_pool.py --workspace FOLDER                     # draws the pool, once
    python benchmarks/budgets/budgets.py --workspace FOLDER --k 1 2 --out RESULTS # replays every budget on it

Coverage is the share of the problems solvable within the cap (k distinct correct among all recorded draws of that sampling
seed) that a budget covers. What has to be chosen (the n of `fixed`, a limit) is chosen on the other seeds. The prefix
counts: every token that a budget draws is in its bill.
"""

import argparse
import csv
import json
import math
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.budgets.budget_curves import Setting, of_level
from benchmarks.budgets.budget_pool import PoolSize, records, size_from
from benchmarks.budgets.budget_tables import (
    GOAL,
    HARD,
    Compared,
    Row,
    bill_rows,
    compared,
    curve_rows,
    duel_rows,
    equal_rows,
    level_rows,
    oracle_rows,
    regret_rows,
)
from benchmarks.numbers.replay import Record
from rollmill.pipelines.budget import BUDGETS
from rollmill.storage.workspace import Workspace

SHARES = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
DARS = ("uniform", "prop2diff")
OTHERS = (
    "fixed",
    "frontier",
    "router",
    "sweep",
)  # `fixed` is in every table; the others want no coverage, or several steps


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"\n### {title}\n", "| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else "no limit" if value > 0 else ""
    if isinstance(value, list):
        return " ".join(_cell(item) if not isinstance(item, float) or item % 1 else f"{item:.0f}" for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def report(found: Compared) -> dict[str, list[Row]]:
    """Every table of one setting, by title. "Equal tokens" are shares of what `fixed` pays for the goal."""
    k, solvable = found.setting.k, [len(ids) for ids in found.solved.values()]
    fixed = found.bills("fixed") or {seed: runs[-1] for seed, runs in found.families["fixed"].items()}
    budgets = [share * fmean(run.tokens for run in fixed.values()) for share in SHARES]
    about = f"k = {k}, prefix {found.setting.initial}, cap {found.setting.cap}, solvable {solvable} of {len(found.record)}"
    tables = {
        f"Tokens to {GOAL:.0%} of the solvable ({about})": bill_rows(found),
        "Coverage at equal tokens, all levels": [*equal_rows(found, None, budgets), *oracle_rows(found, budgets)],
        f"Coverage at equal tokens over all problems, levels {HARD}": equal_rows(
            found, of_level(found.record, HARD), budgets
        ),
        f"Coverage by level at {budgets[2]:,.0f} tokens": level_rows(found, budgets[2]),
        "Regret to the oracle by level, in problems": regret_rows(found),
    }
    for rival in DARS if "sequential" in found.families else ():
        title = f"sequential less {rival} at equal tokens, levels {HARD}, of all their problems"
        tables[title] = duel_rows(found, (rival, "sequential"), budgets)
    return tables


def pool_of(workspace: Path, size: PoolSize) -> dict[int, Record]:
    """The recorded draws; read from the workspace once and kept beside it."""
    kept = workspace / f"record-{size.problems}x{size.draws}x{size.seeds}.pickle"
    if kept.exists():
        stored: dict[int, Record] = pickle.loads(kept.read_bytes())
        return stored
    with Workspace.open(workspace) as ws:
        read: dict[int, Record] = dict(records(ws, size))
    if len(read) == size.seeds:
        kept.write_bytes(pickle.dumps(read))
    return read


def main() -> None:
    """Replay, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size_from(parser)
    parser.add_argument("--k", type=int, nargs="+", default=[1, 2], help="distinct correct solutions wanted")
    parser.add_argument("--initial", type=int, nargs="+", default=[8], help="the prefix of every budget")
    parser.add_argument("--budget", nargs="+", default=sorted(set(BUDGETS) - set(OTHERS)), help="which budgets")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="a folder for report.md, report.json and curves.csv")
    options = parser.parse_args()
    size = PoolSize(options.problems, options.draws, options.seeds)
    pool = pool_of(options.workspace, size)
    settings = [Setting(k, initial, size.draws) for k in options.k for initial in options.initial]
    results: dict[str, dict[str, list[Row]]] = {}
    curves: list[Row] = []
    for setting in settings:
        comparison = compared(pool, setting, options.budget, options.jobs)
        title = f"k = {setting.k}, prefix {setting.initial}, sampling seeds {sorted(pool)}"
        results[title] = report(comparison)
        curves += curve_rows(comparison)
        print(text_of(title, results[title]), flush=True)
    if options.out:
        write(options.out, results, curves)


def text_of(title: str, tables: Mapping[str, Sequence[Row]]) -> str:
    """The tables of one setting as Markdown."""
    return "\n".join([f"\n## {title}", *(table(name, rows) for name, rows in tables.items())])


def write(folder: Path, results: Mapping[str, Mapping[str, Sequence[Row]]], curves: Sequence[Row]) -> None:
    """report.md, report.json and curves.csv in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text("\n".join(text_of(*item) for item in results.items()) + "\n", encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(results, indent=2, default=str), encoding="utf-8")
    with (folder / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(curves[0]))
        writer.writeheader()
        writer.writerows(curves)


if __name__ == "__main__":
    main()
