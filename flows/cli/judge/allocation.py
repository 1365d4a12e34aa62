"""The page of `rollmill replay --allocator`: spending, winners and the winner's curse. Text only."""

import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.cli.output import as_json, columns, line
from rollmill.flows.evaluation.allocation import AllocationRequest, allocation_report
from rollmill.ground.errors import explained
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries.comparisons.allocations import FILE


def replay_allocators(request: AllocationRequest, out: Path | None, *, json: bool) -> None:
    """Print the report, and write it into a folder if one is named."""
    report = allocation_report(request)
    if out is not None:
        with explained(out):
            out.mkdir(parents=True, exist_ok=True)
            text = json_text.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
            (out / FILE).write_text(f"{text}\n", encoding="utf-8")
    return as_json(report) if json else line(page(report, out))


def page(report: Mapping[str, Any], out: Path | None = None) -> str:
    """The report for a person."""
    unit, names = report["unit"], [row["arm"] for row in report["arms"]]
    stored = [[row["arm"], row["problems"], f"{row['value']:.3f}", f"{row['cost']:.1f}"] for row in report["arms"]]
    rows = [
        [
            row["allocator"],
            f"{row['spent']:,.0f}",
            *(f"{row[key]:.3f}" for key in ("seen", "chosen", "reported")),
            _with_error(row["curse"]),
            _with_error(row["regret"]),
        ]
        for row in report["rows"]
    ]
    winners = [
        [row["allocator"], *(f"{row['pulls'][name]:,.1f} ({row['winners'].get(name, 0):.0%})" for name in names)]
        for row in report["rows"]
    ]
    parts = [
        f"{report['pool']}: {len(names)} arms by {report['arms_are']}, {report['stored']:,} stored completions; "
        f"{report['spend']:,.0f} {unit} to spend, {report['repeats']} repeats, seed {report['seed']}.",
        columns(["arm", "problems", "all stored", f"{unit} each"], stored),
        columns(["allocator", unit, "seen", "choosing half", "other half", "winner's curse", "regret"], rows),
        columns(["pulls (how often chosen)", *names], winners),
        _choice(report["choice"]),
        *_vouched(report),
        f"Half of the {report['split']} choose, the others report. seen: the winner's own pulls. winner's curse: seen less "
        f"other half. regret: the lead of {report['best']}, the best over all stored completions, on the other half. "
        "±: standard errors over the repeats.",
    ]
    return "\n\n".join([*parts, *([f"{out / FILE} has every number."] if out else [])])


def _choice(choice: Mapping[str, Any]) -> str:
    value = choice["reported"]
    return (
        f"{choice['allocator']} in the first repeat: {choice['winner']}, {choice['seen']:.3f} where it was chosen and "
        f"{with_interval(value['value'], value['low'], value['high'])} on {choice['problems']:,} problems that did not "
        f"choose it; {len(choice['rounds'])} rounds."
    )


def _vouched(report: Mapping[str, Any]) -> list[str]:
    """Share of repeats that decide the order of all arms, and the open parts in the first; nothing for other allocators."""
    shares = [f"{row['allocator']} {row['vouched']:.0%}" for row in report["rows"] if row["vouched"] is not None]
    if not shares:
        return []
    choice = report["choice"]
    order = f"Order in the first repeat: {', '.join(choice['order'])}."
    doubts = [] if choice["doubts"] is None else [order, *(f"- {doubt}" for doubt in choice["doubts"])]
    return ["\n".join([f"Repeats that decide the order of all arms: {', '.join(shares)}.", *doubts])]


def _with_error(part: Mapping[str, Any]) -> str:
    return f"{part['value']:+.3f}" + ("" if part["error"] is None else f" ± {part['error']:.3f}")
