"""`rollmill replay` and `label`: what each way to choose an answer buys on a stored pool, and chosen answers as labels.

Prints; the work is in rollmill.flows.evaluation.
"""

import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, check_jsonl, columns, line
from rollmill.flows.cli.runs_cost import require_runs
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.rate_texts import interval_text

PoolName = Annotated[str, typer.Argument(metavar="POOL", help="A dataset version (NAME, NAME@v2) or the id of a run.")]
Samples = Annotated[
    str | None, typer.Option("--samples", metavar="N,N", help="Completions per problem; powers of two by default.")
]
Tokens = Annotated[
    str | None, typer.Option("--tokens", metavar="T,T", help="Tokens per problem; about what the samples cost by default.")
]
Ks = Annotated[str, typer.Option("--k", metavar="K,K", help="Answers that an aggregator may give; the best one counts.")]
Chosen = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME", help="This aggregator; 'borda p=2 score=length' fixes its options."),
]
Models = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME", help="Completions of this model, in the order of asking.")
]
Scores = Annotated[
    list[str] | None, typer.Option("--score", metavar="NAME", help="A score to rank by; -NAME ranks the other way round.")
]
Tests = Annotated[
    Path | None, typer.Option("--tests", help="A JSONL file of generated tests (problem_id, tests), for programs.")
]
Repeats = Annotated[int, typer.Option("--repeats", help="Random subsets of each problem's completions.")]
Folds = Annotated[int, typer.Option("--folds", help="Parts of the problems; settings are chosen on the others.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of subsets, folds and ties.")]
Allocators = Annotated[
    list[str] | None,
    typer.Option("--allocator", metavar="NAME", help="Replay this allocator over arms; 'ucb c=0.5' sets its options."),
]
ArmColumn = Annotated[
    str, typer.Option("--arms", metavar="COLUMN", help="For --allocator: model, or a column whose values are the arms.")
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks", metavar="COLUMN", help="For --allocator ranking: the column of tasks whose orders are compared."
    ),
]
Spend = Annotated[
    float | None,
    typer.Option("--spend", min=1, help="For --allocator: completions to spend; a quarter of the stored ones by default."),
]
InTokens = Annotated[bool, typer.Option("--in-tokens", help="For --allocator: --spend is in tokens.")]
Out = Annotated[Path | None, typer.Option("--out", help="A folder for replay.json and replay.html, with curves.")]


def replay(  # noqa: PLR0913 (a verb's parameters are its options)
    pool: PoolName,
    *,
    samples: Samples = None,
    tokens: Tokens = None,
    k: Ks = "1",
    aggregators: Chosen = None,
    models: Models = None,
    scores: Scores = None,
    tests: Tests = None,
    repeats: Repeats = 100,
    folds: Folds = 2,
    seed: Seed = 0,
    allocators: Allocators = None,
    arms: ArmColumn = "model",
    tasks: Tasks = None,
    spend: Spend = None,
    in_tokens: InTokens = False,
    out: Out = None,
    json: AsJson = False,
) -> None:
    """Compare majority votes, rankings by score and other aggregators on completions that exist; nothing is drawn.

    Accuracy at equal samples and at equal tokens, with intervals. Oracle and random are always shown. Settings are chosen
    on other problems than those of the report. With --allocator: what an allocator would have spent on which model or
    group, and the pass rate of its winner on problems that did not choose it.

    Example: rollmill replay arithmetic --samples 1,4,8 --out replays/arithmetic
    """
    require_runs(pool)
    if allocators:
        from rollmill.flows.cli.judge.allocation import replay_allocators
        from rollmill.flows.evaluation.allocation import AllocationRequest

        asked = AllocationRequest(workspace_root(), pool, tuple(allocators), arms, spend, in_tokens, repeats, seed, tasks)
        return replay_allocators(asked, out, json=json)
    from rollmill.flows.evaluation.replay import ReplayRequest, replay_pool

    counts = (_numbers("samples", samples), _numbers("tokens", tokens), _numbers("k", k))
    chosen = (tuple(aggregators or ()), tuple(models or ()), tuple(scores or ()))
    request = ReplayRequest(workspace_root(), pool, *counts, *chosen, tests, repeats, folds, seed)
    report = replay_pool(request)
    if out is not None:
        _write(out, report)
    return as_json(report) if json else line(page(report, out))


def page(report: Mapping[str, Any], out: Path | None = None) -> str:
    """The report for a person: a table per unit and k over the budgets, and the largest budget in full."""
    from rollmill.flows.evaluation.replay_page import about, heading, notes

    parts = [f"{report['pool']}: {about(report)}"]
    for unit in dict.fromkeys(budget["unit"] for budget in report["budgets"]):
        for k in report["ks"]:
            rows = [row for row in report["rows"] if row["unit"] == unit and row["k"] == k]
            parts += [f"{heading(unit, k)}\n{_over_budgets(rows)}", _in_full(rows)]
    parts.append("\n".join(notes(report)))
    return "\n\n".join(
        [*parts, *([f"{out / 'replay.html'} has the curves, {out / 'replay.json'} every number."] if out else [])]
    )


def _over_budgets(rows: list[dict[str, Any]]) -> str:
    amounts = sorted({row["amount"] for row in rows})
    values = {(row["aggregator"], row["amount"]): row["value"] for row in rows}
    names = dict.fromkeys(row["aggregator"] for row in rows)
    table = [
        [name, *(f"{values[name, amount]:.3f}" if (name, amount) in values else "-" for amount in amounts)]
        for name in names
    ]
    return columns(["accuracy", *(f"{amount:,}" for amount in amounts)], table)


def _in_full(rows: list[dict[str, Any]]) -> str:
    from rollmill.flows.evaluation.replay_page import cells

    most = max(row["amount"] for row in rows)
    table = [[name, *rest] for name, _, *rest in (cells(row) for row in rows if row["amount"] == most)]
    head = [f"at {most:,}", "accuracy", "95% interval", "to majority", "95% interval", "tokens", "chosen settings"]
    return columns(head, table)


def _numbers(option: str, text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise SetupError(
            f"--{option} {text!r} is not a list of whole numbers.", next_command=f"--{option} 1,4,16"
        ) from None


def _write(out: Path, report: Mapping[str, Any]) -> None:
    from rollmill.flows.evaluation.replay_page import replay_html
    from rollmill.ground.errors import explained

    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
        text = json_text.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
        (out / "replay.json").write_text(f"{text}\n", encoding="utf-8")
        (out / "replay.html").write_text(replay_html(report), encoding="utf-8")


def label(  # noqa: PLR0913 (a verb's parameters are its options)
    pool: PoolName,
    *,
    aggregator: Annotated[
        str, typer.Option("--with", metavar="NAME", help="The aggregator; options as in `replay`.")
    ] = "majority",
    least: Annotated[float, typer.Option("--least", help="The share of the completions that must give the answer.")] = 0.5,
    models: Models = None,
    no_reference: Annotated[
        str | None, typer.Option("--no-reference", metavar="TEXT", help="The reference of problems that have none.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A JSONL file for the labelled problems.")] = None,
    json: AsJson = False,
) -> None:
    """Label problems with the answer that their completions elect, and say how often such labels are wrong.

    The error is measured on the problems that have a reference; it holds for other problems only if they are alike.

    Example: rollmill label arithmetic --least 0.75 --out labelled.jsonl
    """
    from rollmill.flows.evaluation.labelling import LabelRequest, label_pool

    root = workspace_root()
    if out is not None:
        check_jsonl(out)
    report = label_pool(LabelRequest(root, pool, aggregator, least, tuple(models or ()), no_reference), out)
    return as_json(report) if json else line(label_page(report))


def label_page(report: Mapping[str, Any]) -> str:
    """The report for a person."""
    head = ["share at least", "of the graded", "graded", "without a reference", "wrong", "95% interval"]
    rows = [
        [f"{row['share']:.2f}", _share(row["kept"]), row["graded"], row["unknown"], *_error_cells(row)]
        for row in report["by_share"]
    ]
    asked = report["asked"]
    first, interval = _error_cells(asked)
    written = (
        f" They are in {report['out']}. Next: rollmill import problems {report['out']} --name NAME" if report["out"] else ""
    )
    return "\n".join(
        [
            f"{report['pool']}: {report['problems']:,} problems, {report['graded']:,} of them with judged answers.",
            columns(head, rows),
            "",
            f"{report['labelled']:,} problems are labelled by {report['aggregator']}, where at least {report['least']:g} of"
            f" the completions agree; of the {asked['graded']:,} graded ones {first} are wrong, 95% interval {interval}."
            f"{written}",
        ]
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _error_cells(row: Mapping[str, Any]) -> tuple[str, str]:
    error = row["error"]
    return ("-", "-") if error is None else (f"{error['value']:.3f}", interval_text(error["low"], error["high"]))
