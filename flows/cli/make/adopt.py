"""`rollmill adopt`: another tool's evaluation log, its numbers recomputed, and ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.jobs import run_job
from rollmill.flows.cli.output import AsJson, columns
from rollmill.flows.job import workspace_root
from rollmill.ground.formats.rate_texts import with_interval

_SHOWN = 10
LogPath = Annotated[Path, typer.Argument(metavar="PATH", help="The log, or a folder of logs.")]
Name = Annotated[
    str | None, typer.Option("--name", help="Name of the import and the evaluation; by default the task and the model.")
]
Verify = Annotated[
    list[str] | None,
    typer.Option(
        "--verify",
        metavar="VERIFIER",
        help="Verifier of the answers; by default one that fits the references; may be repeated.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        min=1,
        help="Largest unpacked size of a log; by default 256 MiB or 100 times its size, if larger, up to 1 GiB.",
    ),
]
Label = Annotated[
    str | None, typer.Option("--label", metavar="SCORE", help="The tool's score to compare with our verdicts.")
]


def adopt(
    path: LogPath,
    name: Name = None,
    verify: Verify = None,
    label: Label = None,
    max_bytes: MaxBytes = None,
    *,
    json: AsJson = False,
) -> None:
    """Import another tool's evaluation logs, recompute their numbers, and add our verdicts.

    Reads logs of lm-evaluation-harness, Inspect, lighteval, verifiers and NeMo-Skills. Nothing is drawn. The tool's
    scores are kept as imported labels; the verdicts are ours. Adopts all logs of a folder; unreadable ones are listed, and
    the exit status is 1.

    Example: rollmill adopt results/my-model
    """
    from rollmill.flows.adopting import Adopt, AdoptRequest

    kind = Adopt(AdoptRequest(workspace_root(), path, name, tuple(verify or ()), label, max_bytes))
    run_job(kind, _result, json=json, row=lambda outcome: outcome if _is_several(outcome) else outcome["adopted"][0])


def _is_several(outcome: Mapping[str, Any]) -> bool:
    return len(outcome["adopted"]) != 1 or bool(outcome["refused"])


def _result(outcome: Mapping[str, Any]) -> str:
    return overview(outcome) if _is_several(outcome) else page(outcome["adopted"][0])


def overview(outcome: Mapping[str, Any]) -> str:
    """Table of several adopted logs with their main numbers, and the logs that could not be adopted."""
    adopted, refused = outcome["adopted"], outcome["refused"]
    head = ["name", "task", "model", "answers", "number", "printed", "from its rows", "on our verdicts [95%]"]
    rows = []
    for report in adopted:
        what = [report["name"], report["task"], report["model"], f"{report['rollouts']:,}"]
        for row in report["numbers"] or [None]:
            numbers = ["-", "-", "-", "-"] if row is None else [row["number"], *_theirs(row), _value(row["on_verdicts"])]
            rows.append([*what, *numbers])
            what = ["", "", "", ""]
    lines = [f"{len(adopted):,} logs adopted, {len(refused):,} not.", ""]
    if rows:
        lines += [columns(head, rows), ""]
    for report in adopted:
        aside = [f"set aside: {count:,} with {why}" for why, count in report["set_aside"].items()]
        lines += [f"note: {report['name']}: {text}" for text in [*aside, *report["definitions"], *report["messages"]]]
    for left in refused:
        lines.append(f"not adopted: {left['path']}: {left['why']} Next: {left['next']}")
    names = [report["name"] for report in adopted]
    return "\n".join([*lines, *([f"Next: rollmill leaderboard {' '.join(names[:_SHOWN])}"] if names else [])])


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
    return with_interval(measured["value"], measured["low"], measured["high"])


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
    """Next commands: those that open an answer, the run and the evaluation."""
    verdicts = report["verdicts"] or {"flipped": [], "undecided": []}
    first = next(iter([*verdicts["flipped"], *verdicts["undecided"]]), None)
    why = [f"rollmill dataset why {report['run']} {first['completion'][:10]}"] if first else []
    return [f"Next: {command}" for command in [*why, f"rollmill leaderboard {report['name']}"]]
