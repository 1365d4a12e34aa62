"""The page a finished curation prints: funnel, pass rate by level, cost, forecast, and what to type next. Pure text.

Its parts are shown by other pages too: `runs show`, `dataset show`, `plan`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.flows.cli.runs_cost import rule_lines
from rollmill.flows.cli.terminal import styled
from rollmill.ground.formats.rate_texts import interval_text
from rollmill.ground.money import shown
from rollmill.ground.records import OUTCOMES
from rollmill.ground.replies.faults import reply_lines

BAR = 14  # characters of a pass rate of 1
FORECAST_NAMES = {
    "draws": "completions",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "tokens": "tokens",
    "units": "money",
    "seconds": "seconds",
    "solved": "problems solved",
    "kept": "kept",
}


def summary(outcome: Mapping[str, Any], root: Path) -> str:
    """The whole page; paths are relative to the workspace where they lie in it."""
    parts = [
        _title(outcome),
        _funnel(outcome),
        level_table(outcome["metrics"]),
        _steps(outcome.get("steps", [])),
        forecast_lines(outcome["forecast"]) if outcome.get("forecast") else [],
        _ending(outcome, root),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _title(outcome: Mapping[str, Any]) -> list[str]:
    spent, ref = outcome["spent"], f"{outcome['dataset']}@v{outcome['version']}"
    money = f", {spent['cost']:,.4f} {outcome['currency']}" if outcome.get("currency") else ""
    work = f"{spent['drawn']:,} completions drawn, {spent['tokens']:,} tokens{money}"
    work = work if spent["drawn"] else "nothing was drawn"
    state = "published" if outcome["created"] else "already has this content: no new version"
    return [
        styled(f"{outcome['recipe']}: {ref} ({outcome['content_hash'][:8]}) {state}", bold=True),
        f"{work}; {outcome['seconds']:.1f} s",
    ]


def before_a_version(counts: Mapping[str, Any]) -> str:
    """Funnel and rates of a run whose gate did not pass."""
    steps = _steps(counts.get("steps", []))
    parts = [_funnel(counts), level_table(counts["metrics"]), steps, [f"  {text}" for text in counts["messages"]]]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _funnel(outcome: Mapping[str, Any]) -> list[str]:
    funnel, spent, imports = outcome["funnel"], outcome["spent"], outcome.get("imports")
    published = "version" in outcome
    drawn, reused, unjudged = funnel["drawn"], outcome.get("reused", 0), funnel.get("unjudged", 0)
    # One completion may answer several problems, and is then as many rollouts.
    whole = funnel.get("replies", {}).get("replies") or drawn + unjudged
    others = f", {reused:,} of them drawn by other runs" if reused and imports is None else ""
    dropped = f"   of {funnel['problems_made']:,} made; {dropped_problems(funnel['problems_dropped'])}"
    rounds = "1 round" if spent["rounds"] == 1 else f"{spent['rounds']:,} rounds"
    lines = [
        f"  problems     {funnel['problems']:>9,}{dropped}",
        f"  completions  {whole:>9,}   in {rounds}: {spent['drawn']:,} drawn now, "
        f"{whole - spent['drawn']:,} already stored{others}",
        *([f"  rollouts     {drawn:>9,}   some completions answer several problems"] if drawn + unjudged > whole else ()),
        *(f"    {name:<10} {funnel[name]:>9,}   {_share(funnel[name], drawn)}" for name in OUTCOMES),
        f"  {'kept    ' if published else 'selected'}     {funnel['kept']:>9,}   {_share(funnel['kept'], drawn)}"
        f"{'' if published else ', published none'}",
        f"  dropped      {drawn - funnel['kept']:>9,}   {counts_text(funnel['dropped'])}",
        *([f"  not judged   {unjudged:>9,}   further completions, of unjudged steps"] if unjudged else ()),
    ]
    if spent.get("redundant"):
        lines.append(f"  paid twice   {spent['redundant']:>9,}   another command had stored them first; theirs are used")
    lines += [f"  taken        {text}" for text in taken_lines(imports or ())]
    lines += [f"  replies      {text}" for text in reply_lines(funnel.get("replies", {}))]
    stops = counts_text(funnel["stops"])
    solved = f"  solved       {funnel['problems_solved']:>9,}   of {funnel['problems']:,} problems"
    lines.append(f"{solved}; drawing stopped by {stops}" if stops else solved)
    rule = rule_lines(funnel["given_up"]) if "given_up" in funnel else []
    lines += [f"  hopeless     {text}" for text in rule]
    return [*lines, *([f"  frontier     {_frontier(funnel['frontier'])}"] if "frontier" in funnel else [])]


def _frontier(frontier: Mapping[str, Any]) -> str:
    """Up to which level the model passes, with its interval; level `none` is below the first."""
    interval = f"{frontier['confidence']:.0%} interval {frontier['low']} to {frontier['high']}"
    return (
        f"pass rate at least {frontier['value']:g} up to level {frontier['frontier']} ({interval}), found with "
        f"{frontier['drawn']:,} draws; rates rise with the level by {frontier['violation']:.2f} at most"
    )


def taken_lines(imports: Sequence[Mapping[str, Any] | str]) -> list[str]:
    """Counts of the rollouts taken, by import and model; empty for outcomes older than these counts."""
    return [
        f"{taken['rollouts']:>9,}   of {taken['prompts']:,} problems by {taken['model']} (import {taken['name']})"
        for taken in imports
        if not isinstance(taken, str)
    ]


def level_table(metrics: Mapping[str, Any]) -> list[str]:
    """Pass rate, interval and counts of every level and over all, with the sentence that says over what."""
    from rollmill.metrics import rate_words

    rows = {**metrics["levels"], "all": metrics["overall"]}
    lines = ["  level  pass rate  95% interval      problems  unsolved   kept"]
    for level, row in rows.items():
        rate, unsolved = _rate(row), "-" if row["pass_rate"] is None else f"{row['never_solved']:,}"
        kept = f"{row['kept']:>6,}" if "kept" in row else " " * 6
        bar = "█" * round((row["pass_rate"] or 0) * BAR)
        lines.append(f"  {level:>5}  {rate}  {row['problems']:>8,}  {unsolved:>8} {kept}  {bar}".rstrip())
    intervals = " Intervals over templates, or problems without one." if metrics["prefix"] != 0 else ""
    lines.append(f"  {rate_words(metrics['prefix'], metrics.get('step', ''))}{intervals}")
    if metrics["prefix"]:
        lines.append("  Unsolved: by none of these. Solved and kept: of all completions.")
    if "models" in metrics:
        lines.append(
            f"  These rates pool {len(metrics['models'])} models. Each separately, over the problems that it answered:"
        )
        lines += [f"  {_rate(row)}  {row['problems']:>8,}  {model}" for model, row in metrics["models"].items()]
    if "path_counting" in metrics:
        counted = {**metrics["path_counting"]["levels"], "all": metrics["path_counting"]["overall"]}
        lines.append("  By path counting over all draws, which the stopping rule does not bias:")
        lines += [f"  {level:>5}  {_rate(row)}".rstrip() for level, row in counted.items()]
    return lines


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Table of steps: counts, pass rates over the problems routed to each, and shares of readable completions."""
    lines = ["  step               problems  completions  correct   kept     tokens  pass rate  95% interval"]
    for step in steps:
        judged = step.get("role", "answer") == "answer"
        right = f"{step['correct']:>7,} {step['kept']:>6,}" if judged else f"{'-':>7} {'-':>6}"
        counts = f"{step['problems']:>8,}  {step['drawn']:>11,}  {right}"
        lines.append(f"  {step['name']:<16}  {counts} {step['tokens_out']:>10,}  {_rate(step['rates'])}".rstrip())
    for step in steps:
        read = " · ".join(f"{field} {count:,}" for field, count in step.get("readable", {}).items())
        lines += [f"  Read of the {step['drawn']:,} texts of {step['name']}: {read}."] if read else []
        lines += [f"  Nothing was drawn of {step['name']}: {words}." for words in step.get("unmet", ())]
    return lines if steps else []


def _rate(row: Mapping[str, Any]) -> str:
    if row["pass_rate"] is None:
        return f"{'-':>9}  {'':<16}"
    return f"{row['pass_rate']:>9.3f}  {interval_text(row['low'], row['high'])}  "


def _ending(outcome: Mapping[str, Any], root: Path) -> list[str]:
    name, path = outcome["dataset"], relative_path(Path(outcome["path"]), root)
    kept = outcome["funnel"]["kept"]
    messages = [f"  {text.replace(f'{root}/', '')}" for text in outcome["messages"]]
    third = f"rollmill dataset diff {name}@v{outcome['version'] - 1} {name}@v{outcome['version']}"
    return [
        f"  {path}   {kept:,} kept rollouts, card, manifest, report.html",
        *messages,
        "",
        "Next:",
        f"  rollmill dataset show {name}",
        f"  {sft_command(name, name, outcome.get('steps', []))}",
        f"  {third if outcome['version'] > 1 else 'rollmill dashboard'}",
    ]


def sft_command(ref: str, name: str, steps: Sequence[Mapping[str, Any]]) -> str:
    """The command that exports the kept rows of a version; `steps`: those of its manifest.

    Where every kept row is of a step that saw a label, it takes these, or it would write nothing.
    """
    kept = [step for step in steps if step["kept"]]
    sees = " --set sees_label=true" if kept and all(step.get("sees_label") for step in kept) else ""
    return f"rollmill dataset export {ref} --format sft{sees} --out {name}.jsonl"


def dropped_problems(dropped: Mapping[str, int]) -> str:
    """`dropped: held_out 7 · near_duplicate 2`, or that none was."""
    counts = counts_text(dropped)
    return f"dropped: {counts}" if counts else "none dropped"


def counts_text(counts: Mapping[str, int]) -> str:
    """`incorrect 8,135 · unparsed 1`: counts without zeros, the largest first."""
    largest_first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return " · ".join(f"{name} {count:,}" for name, count in largest_first if count)


def relative_path(path: Path, root: Path) -> str:
    """The path from a folder where it lies in it, else as it is."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:6.1%}" if whole else "     -"


def forecast_lines(scored: Mapping[str, Any]) -> list[str]:
    """A forecast with the actual values, for the page of a finished run."""
    lines = [f"  forecast {scored['id']}, made before from {scored['source']}: median [95% interval] and actual value"]
    for name, row in scored["totals"].items():
        error = "" if row["error"] is None else f"{row['error']:+.1%}"
        mark = "held" if row["inside95"] else "MISSED"
        median, low, high, came = (forecast_number(name, row[key]) for key in ("median", "low95", "high95", "actual"))
        lines.append(f"    {FORECAST_NAMES[name]:<16} {median:>12} {f'[{low}, {high}]':<26} {came:>12}  {error:>7}  {mark}")
    total = f"{scored['inside95']} of {scored['n']} 95% intervals held, {scored['inside80']} of the 80% ones"
    return [*lines, f"    {total} (levels included)"]


def forecast_number(name: str, value: float) -> str:
    """A quantity for people."""
    return shown(round(value), None) if name == "units" else f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"
