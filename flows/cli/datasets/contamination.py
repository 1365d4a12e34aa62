"""`rollmill contamination check|splits|resplit|copying`, `harden`: training data, splits, benchmarks made harder.

Prints; the work is in rollmill.flows.contamination.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.datasets.copying import copying
from rollmill.flows.cli.datasets.resplit import resplit
from rollmill.flows.cli.output import AsJson, as_json, check_jsonl, columns, inert, line
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import FoundWanting, SetupError, explained, unknown_name

if TYPE_CHECKING:
    from rollmill.pipelines.contamination import RecallFloor

verbs = group("contamination", "Compare training data with benchmarks, and the splits of a dataset with one another.")
Mapped = list[str] | None
verbs.command("resplit")(resplit)
verbs.command("copying")(copying)
_SHOWN, _LONGEST = 5, 100  # what two splits share: how many, and characters of each


@verbs.command("check")
def check(  # noqa: PLR0913 (a verb's parameters are its options)
    train: Annotated[str, typer.Argument(help="A dataset, a run, an import or a file of training data.")],
    benchmark: Annotated[str, typer.Argument(help="The same, or a recipe, for its evaluation problems.")],
    *,
    report: Annotated[Path | None, typer.Option("--report", help="A folder for the report: HTML, Markdown, JSON.")] = None,
    maps: Annotated[
        Mapped,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Column of a field in the training file: prompt=question."),
    ] = None,
    benchmark_maps: Annotated[
        Mapped, typer.Option("--benchmark-map", metavar="FIELD=COLUMN", help="Column of a field in the benchmark's file.")
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option("--min-recall", help="Least recall of each --edit, by the lower limit of its interval.")
    ] = None,
    edits: Annotated[
        list[str] | None, typer.Option("--edit", metavar="NAME", help="An edit for --min-recall; may be repeated.")
    ] = None,
    copies: Annotated[int, typer.Option("--copies", min=1, help="Copies of each edit that are planted.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the copies and their places.")] = 0,
    json: AsJson = False,
) -> None:
    """Compare problems and answers with a benchmark; exit status 1 for a leak, or a recall below --min-recall.

    Finds exact copies, edited copies, and problems with the same solution graph and equal or new numbers. Recall is
    measured by planting edited copies of the benchmark's own problems. The result for a dataset version is stored with the
    version.

    Example: rollmill contamination check arithmetic recipes/arithmetic.yaml --report reports/contamination
    """
    from rollmill.flows.contamination import CheckRequest, check_contamination

    floor = _floor(min_recall, edits or ())
    result = check_contamination(
        CheckRequest(workspace_root(), train, benchmark, _pairs(maps), _pairs(benchmark_maps), copies, seed, floor)
    )
    if report is not None:
        _write(report, result)
    if json:
        as_json(result)
    else:
        line(page(result, report))
    if result["failures"]:
        raise FoundWanting(
            f"{train} against {benchmark}: {'; '.join(result['failures'])}.",
            next_command=None if report else "the same with --report FOLDER, which names each problem",
        )


def _floor(min_recall: float | None, edits: Sequence[str]) -> "RecallFloor | None":
    from rollmill.pipelines.contamination import REQUIRED, RecallFloor
    from rollmill.pipelines.contamination.edits import EDITS

    for name in edits:
        if name not in EDITS:
            raise unknown_name("edit", name, EDITS)
    if min_recall is not None and not 0 <= min_recall <= 1:
        raise SetupError(f"--min-recall {min_recall}: recall is between 0 and 1.", next_command="--min-recall 0.9")
    if edits and min_recall is None:
        raise SetupError("--edit says which copies a floor is over.", next_command="--min-recall 0.9")
    return None if min_recall is None else RecallFloor(min_recall, tuple(edits or REQUIRED))


@verbs.command("splits")
def splits(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="NAME, NAME@v2, NAME@3f9a0c1d or NAME@tag.")],
    *,
    json: AsJson = False,
) -> None:
    """Prove that no text and no solution graph of a version is in two of its splits; the SQL is shown.

    Exit status 1 if one does.

    Example: rollmill contamination splits arithmetic
    """
    from rollmill.storage.queries.histories.splits import QUERIES, split_proof
    from rollmill.storage.versions.resolve import resolve
    from rollmill.storage.workspace import Workspace

    with Workspace.open(read_only=True) as workspace:
        info = resolve(workspace.datasets, dataset)
    proof = split_proof(info)
    if json:
        as_json({"version": info.ref, "splits": proof.splits, "shared": proof.shared, "sql": QUERIES})
    else:
        rows = [[name, f"{count:,}", f"{graphs:,}"] for name, count, graphs in proof.splits]
        line(f"{info.ref}\n{columns(['split', 'problems', 'with a known graph'], rows)}")
        for name, query in QUERIES.items():
            line(f"\n{name}: {len(proof.shared[name]):,} in more than one split\n{query};")
            for text, sides, count in proof.shared[name][:_SHOWN]:
                line(f"  {count:,} problems in {', '.join(sides)}: {inert(text[:_LONGEST])}")
    if not proof.disjoint:
        shared = ", ".join(f"{len(hits):,} by {name}" for name, hits in proof.shared.items() if hits)
        raise FoundWanting(f"the splits of {info.ref} are not disjoint: {shared}.")
    if len(proof.splits) < 2 and not json:
        line(f"\n{info.ref} has one split: there is no other side.")


def page(result: Mapping[str, Any], report: Path | None = None) -> str:
    """The report for a person."""
    from rollmill.flows.contamination.report_page import summary, tables, title

    parts = [f"{title(result)}\n" + "\n".join(summary(result)[:2])]
    parts += [f"{heading}\n{columns(list(header), rows)}" for heading, header, rows in tables(result)]
    if "kept_at" in result:
        parts.append(f"Kept in {result['kept_at']}.")
    if report is not None:
        parts.append(f"{report / 'contamination.html'} has it as a page.")
    return "\n\n".join(parts)


def _pairs(texts: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        key, sign, value = text.partition("=")
        if not sign:
            raise SetupError(f"--map {text!r} is not FIELD=COLUMN.", next_command="--map prompt=question")
        pairs[key] = value
    return pairs


def _write(folder: Path, result: Mapping[str, Any]) -> None:
    from rollmill.flows.contamination.report_page import html, markdown
    from rollmill.ground.files import json_text

    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("html", html(result)), ("md", markdown(result)), ("json", json_text(dict(result)))):
            (folder / f"contamination.{name}").write_text(text, encoding="utf-8")


def harden(
    benchmark: Annotated[str, typer.Argument(help="A benchmark, dataset, import or file of problems.")],
    *,
    transform: Annotated[
        str, typer.Option("--with", metavar="NAME", help="chains, new_numbers, none_of_the_above, other_answer.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The JSONL file to write.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the choices.")] = 0,
    json: AsJson = False,
) -> None:
    """Make a benchmark harder: options replaced by "None of the above", other numbers or answers, two problems joined.

    Example: rollmill harden recipes/arithmetic.yaml --with chains --out chains.jsonl
    """
    from rollmill.flows.contamination.hardening import harden as run

    check_jsonl(out)
    result = run(workspace_root(), benchmark, transform, seed, out)
    if json:
        return as_json(result)
    left = "".join(f"\n  left as it is: {count:,}, {reason}" for reason, count in result["left"].items())
    return line(
        f"{result['made']:,} problems of {result['problems']:,} of {result['benchmark']} in {out}.{left}\n"
        f"Next: rollmill import problems {out} --name NAME"
    )
