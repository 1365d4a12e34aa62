"""`rollmill adopt`: another tool's evaluation log, its numbers again, ours beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.output import AsJson, as_json, columns, doing, line
from flows.job import workspace_root

_SHOWN = 10
LogPath = Annotated[Path, typer.Argument(metavar="PATH", help="The log, or the folder that the tool wrote.")]
Name = Annotated[
    str | None, typer.Option("--name", help="Of the import and the evaluation; by default the task and the model.")
]
Verify = Annotated[
    list[str] | None,
    typer.Option("--verify", metavar="VERIFIER", help="By default one that fits the references; may be repeated."),
]
Label = Annotated[
    str | None, typer.Option("--label", metavar="SCORE", help="The tool's score that is held against our verdicts.")
]


def adopt(path: LogPath, name: Name = None, verify: Verify = None, label: Label = None, *, json: AsJson = False) -> None:
    """Take over an evaluation that another tool made: its log whole, its numbers computed again, our verdicts beside them.

    Known are the logs of lm-evaluation-harness, Inspect, lighteval, verifiers and NeMo-Skills. Nothing is drawn. The tool's
    scores are kept as imported labels; the verdicts are ours.

    Example: rollmill adopt results/my-model
    """
    from flows.adopting import AdoptRequest
    from flows.adopting import adopt as adopt_log
    from flows.cli.live import watching

    root = workspace_root()
    with watching() as watcher:
        request = AdoptRequest(root, path, name, tuple(verify or ()), label, watcher)
        report = adopt_log(request, begin=doing)
    return as_json(report) if json else line(page(report))


def page(report: Mapping[str, Any]) -> str:
    """The whole report for a person."""
    head = ["number", "printed", "from its rows", "ours", "on its labels [95%]", "on our verdicts [95%]"]
    rows = [
        [row["number"], *_theirs(row), row["metric"] or "-", _value(row["on_labels"]), _value(row["on_verdicts"])]
        for row in report["numbers"]
    ]
    rows += [["all answers", "-", "-", row["metric"], "-", _value(row)] for row in report["all_answers"]]
    lines = [
        f"{report['tool']} {report['version']}, {report['task']} x {report['model']}: {report['problems']:,} problems, "
        f"{report['rollouts']:,} answers ({report['stored']['new']:,} new), judged by {' and '.join(report['verify'])}",
        "",
        columns(head, rows),
        f"Intervals: {report['all_answers'][0].get('estimand', 'none')}, over {report['clusters']:,} clusters.",
        "",
        *(f"set aside, in no number of ours: {count:,} with {why}" for why, count in report["set_aside"].items()),
        *(f"note: {text}" for text in [*report["definitions"], *report["differences"], *report["messages"]]),
    ]
    if report["verdicts"] is not None:
        lines += ["", *_verdicts(report)]
    return "\n".join([*lines, "", *_next(report)])


def _theirs(row: Mapping[str, Any]) -> list[str]:
    """The printed number with its standard error, and whether the rows give the same."""
    errors = [f" ± {row[name]:.4f}" for name in ("stderr", "runs") if name in row]
    printed = f"{row['printed']:.4f}{''.join(errors)}"
    if row["from_rows"] is None:
        return [printed, f"none: {row['why']}" if row["why"] else "none"]
    same = row["equal"] and row.get("stderr_equal", True) and row.get("runs_equal", True)
    return [printed, "equal" if same else f"{row['from_rows']:.4f}, NOT EQUAL"]


def _value(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return "-"
    if measured["value"] is None:
        return f"none: {measured['why']}"
    return f"{measured['value']:.4f} [{measured['low']:.3f}, {measured['high']:.3f}]"


def _verdicts(report: Mapping[str, Any]) -> list[str]:
    """Label against verdict: counts, what decided, and the first answers that differ."""
    verdicts = report["verdicts"]
    counts = ", ".join(f"{kind}: {count:,}" for kind, count in verdicts["counts"].items() if count)
    lines = [f"{verdicts['label']} against our verdicts: {counts}"]
    differing = [*verdicts["flipped"], *verdicts["undecided"]]
    if not differing:
        return lines
    rules = ", ".join(f"{row['flipped']:,} {row['ours']} by {row['rule']}" for row in verdicts["rules"])
    head = ["problem", "sample", "theirs", "ours", "rule", "reference", "we read", "the answer ends", "completion"]
    rows = [_differing(row) for row in differing[:_SHOWN]]
    left = len(differing) - _SHOWN
    more = [f"and {left:,} more in reports/{report['name']}/adopted.json"] if left > 0 else []
    return [*lines, *([f"flipped: {rules}"] if rules else []), columns(head, rows), *more]


def _differing(row: Mapping[str, Any]) -> list[Any]:
    texts = [_short(row[name], 16) for name in ("reference", "extracted")]
    end = repr(row["end"][-24:]) + (" cut off" if row["cut_off"] else "")
    return [
        row["problem"],
        row["sample"],
        f"{row['theirs']:g}",
        row["ours"],
        row["rule"],
        *texts,
        end,
        row["completion"][:10],
    ]


def _short(text: str | None, width: int) -> str:
    shown = "-" if text is None else " ".join(text.split())
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def _next(report: Mapping[str, Any]) -> list[str]:
    """How to open an answer, the run and the evaluation."""
    verdicts = report["verdicts"] or {"flipped": [], "undecided": []}
    first = next(iter([*verdicts["flipped"], *verdicts["undecided"]]), None)
    why = [f"rollmill dataset why {report['run']} {first['completion'][:10]}"] if first else []
    return [f"Next: {command}" for command in [*why, f"rollmill leaderboard {report['name']}"]]
