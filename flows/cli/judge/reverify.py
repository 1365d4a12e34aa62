"""`rollmill reverify`: judge a run again after a verifier has changed, show the differences, accept them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from rollmill.flows.cli.jobs import run_job
from rollmill.flows.cli.output import AsJson, DryRun, columns
from rollmill.flows.cli.recipe import Sets
from rollmill.flows.cli.runs_cost import RunId
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import interval_text

Verifier = Annotated[
    str | None, typer.Option("--verifier", metavar="NAME", help="Consider the change of this verifier only.")
]
Accept = Annotated[
    bool, typer.Option("--accept", help="Continue the run under the new versions; without it nothing changes.")
]
Check = Annotated[int, typer.Option("--check", min=0, help="Number of carried verdicts to judge again; they must agree.")]
EXAMPLES = 3  # of flips that are printed; --json has all that were kept
PAIRED = ("before", "after", "difference", "95% interval")


def reverify(  # noqa: PLR0913 (a verb's parameters are its options)
    run: RunId = None,
    sets: Sets = None,
    *,
    verifier: Verifier = None,
    accept: Accept = False,
    check: Check = 0,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Judge a run again after a verifier has changed: only rollouts that the changed rules can affect.

    Rows, pass rates, metrics and decisions that are different are shown; nothing of the run changes until --accept. A
    killed command resumes when it is run again.

    Example: rollmill reverify arithmetic-3f9a0c1d --verifier math
    """
    from rollmill.flows.rejudging import Reverify, ReverifyRequest

    request = ReverifyRequest(workspace_root(), run, verifier, tuple(sets or ()), accept, dry_run, check)
    return run_job(Reverify(request), page, json=json)


def page(report: Mapping[str, Any]) -> str:
    """The whole report for a person."""
    if not report["changes"]:
        left = f" ({', '.join(report['not_looked_at'])} changed)" if report["not_looked_at"] else ""
        return f"{report['run']}: its verifiers are those of today; there is nothing to judge again{left}."
    sections = [_changes(report), _verdicts(report)]
    if "rates" in report:
        metrics = [[name, *_paired_lines(row)] for name, row in report["metrics"].items()]
        sections += [_flips(report["flips"], report["rows"]), _rates(report)]
        sections += [[columns(["metric", *PAIRED], metrics)]] if metrics else []
        decisions = report["decisions"]
        kept = f"Kept: {decisions['kept_before']:,}, now {decisions['kept_after']:,}."
        moves = (f"  {move['before']} -> {move['after']}  {move['rows']:,}" for move in decisions["moves"])
        sections.append([kept, *moves])
    if report["accepted"]:
        ending = f"Accepted: run {report['run_after']} goes on under the new versions. Next: {report['next']}"
    elif "rates" in report:
        ending = f"Nothing of the run has changed. To accept this: {report['next']}"
    else:
        ending = f"Nothing was judged. Next: {report['next']}"
    return "\n\n".join("\n".join(section) for section in [*sections, [ending]])


def _changes(report: Mapping[str, Any]) -> list[str]:
    lines = [f"{report['run']} ({report['status']}):"]
    for change in report["changes"]:
        lines.append(f"  {change['verifier']}: {change['old']} -> {change['new']}")
        why = change["whole"]
        lines.append(
            f"    everything is judged again: {why}" if why else f"    changed rules: {', '.join(change['changed_rules'])}"
        )
    return lines


def _verdicts(report: Mapping[str, Any]) -> list[str]:
    rows = [[name, c["stored"], c["carried"], c["judged"]] for name, c in report["verdicts"].items()]
    table = columns(["verifier", "there already", "carried over", "judged again"], rows)
    pending, checked = report.get("pending", 0), report.get("check", {}).get("checked")
    sure = [f"{checked:,} carried verdicts were judged after all and agree."] if checked else []
    return [table, *sure, *([f"{pending:,} rows are not judged by the run yet; they wait for it."] if pending else [])]


def _flips(flips: Mapping[str, Any], rows: int) -> list[str]:
    if not flips["rows"]:
        return [f"No outcome of the {rows:,} rows is different."]
    lines = [f"{flips['rows']:,} of {rows:,} rows have another outcome:"]
    lines += [f"  {move['before']:>10} -> {move['after']:<10} {move['rows']:>8,}" for move in flips["moves"]]
    for example in flips["examples"][:EXAMPLES]:
        before, after = example["before"], example["after"]
        lines += [
            f"  {example['completion'][:12]}  {before['outcome']} by {before['rule']} ({before['extracted']}), now "
            f"{after['outcome']} by {after['rule']} ({after['extracted']}); reference {_short(example['reference'])}",
            f"    ...{_short(example['text'][-80:])}",
        ]
    return lines


def _rates(report: Mapping[str, Any]) -> list[str]:
    from rollmill.metrics import prefix_words

    rates = report["rates"]
    rows = [[level, *_paired_lines(row), row["kept_before"], row["kept_after"]] for level, row in rates["levels"].items()]
    rows.append(
        ["all", *_paired_lines(rates["overall"]), report["decisions"]["kept_before"], report["decisions"]["kept_after"]]
    )
    what = prefix_words(report["prefix"]) or "the first completion (none was fixed before verdicts)"
    return [
        columns(["level", *PAIRED, "kept", "now"], rows),
        f"Pass rates over {what} of each problem; differences are paired, intervals over templates.",
    ]


def _paired_lines(row: Mapping[str, Any]) -> list[str]:
    if row["difference"] is None:
        return ["-", "-", "-", "-"]
    change, interval = f"{row['difference']:+.3f}", interval_text(row["low"], row["high"], "+")
    return [f"{row['before']:.3f}", f"{row['after']:.3f}", change, interval]


def _short(text: str) -> str:
    return " ".join(text.split())[:80]
