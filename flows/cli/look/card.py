"""`rollmill card make|check`: the evaluation card of a model as Markdown or JSON, and a card derived again."""

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import explained
from rollmill.ground.formats.rate_texts import with_interval

verbs = group("card", "Evaluation cards of models: rates of groups of problems and of their intersections.")


@verbs.command("make")
def make(
    name: Annotated[
        str, typer.Argument(metavar="NAME[:MODEL]", help="An evaluation, run or version, and one of its models.")
    ],
    *,
    by: Annotated[
        list[str], typer.Option("--by", metavar="COLUMN", help="Groups: level, template, skill, source, a key of meta.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Also write the card: FILE.md or FILE.json.")] = None,
    json: AsJson = False,
) -> None:
    """Show the rates of a model by groups of problems and by every intersection of two columns.

    A group is marked where its interval, corrected for all groups together, leaves out the rate over all problems. Each
    number is derived from the stored rows a second time, and the command fails where the two differ.

    Example: rollmill card make arithmetic-eval:tiny --by level --by skill --out card.md
    """
    from rollmill.flows.evaluation.evaluation_card import CLOSING, OPENING, CardRequest, evaluation_card

    card = evaluation_card(workspace_root(), CardRequest(name, tuple(by)))
    text = "\n\n".join([f"# {card['model']}", *(_page(part) for part in card["benchmarks"]), _legend(card)])
    if out is not None:
        stored = json_text.dumps(card, sort_keys=True, ensure_ascii=True).replace("-->", "--\\u003e")
        body = stored if out.suffix == ".json" else f"{text}\n\n{OPENING}{stored}{CLOSING}"
        with explained(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(f"{body}\n", encoding="utf-8")
    if json:
        return as_json(card)
    return line(text + (f"\n\nNext: rollmill card check {out}" if out is not None else ""))


@verbs.command("completeness")
def completeness(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An evaluation, run or dataset version.")],
    *,
    json: AsJson = False,
) -> None:
    """Show which fields of the problems and which conditions of the runs are known, and their mean, the score.

    All fields have the same weight: prompt, reference, worked solution, licence, model digest, seed, sampling, verifier
    versions.

    Example: rollmill card completeness arithmetic-eval
    """
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.comparisons.completeness import completeness as completeness_of

    with Reader.open(workspace_root()) as reader:
        rows = completeness_of(reader, name)
    if json:
        return as_json(rows)
    return line("\n\n".join(_fields(row) for row in rows))


def _fields(row: dict[str, Any]) -> str:
    table = [[part["of"], part["field"], f"{part['known']:,} of {part['n']:,}"] for part in row["fields"]]
    head = f"{row['benchmark']}, {row['model']}: completeness {row['score']:.3f}"
    return f"{head}\n{columns(['of a', 'field', 'known'], table)}"


@verbs.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A card that `rollmill card make --out` wrote.")],
    *,
    json: AsJson = False,
) -> None:
    """Derive every number of a card again from the database; exit status 1 names those that differ.

    Example: rollmill card check card.md
    """
    from rollmill.flows.evaluation.evaluation_card import check_card

    report = check_card(workspace_root(), file)
    if json:
        return as_json(report)
    return line(f"{report['card']}: all {report['numbers']:,} numbers are derived again from {report['reference']}.")


def _page(part: dict[str, Any]) -> str:
    rate = with_interval(part["value"], part["low"], part["high"])
    head = f"## {part['benchmark']}\n\n{rate} on {part['problems']:,} problems, {part['completions']:,} judged completions."
    # A server's words are text of strangers: no link and no tag of a Markdown page.
    tables = [head, *(f"`{text.replace('`', chr(39))}`" for text in part.get("faults", ()))]
    for rows in (part["groups"], part["intersections"]):
        for names in dict.fromkeys(tuple(row["columns"]) for row in rows):
            cells = [
                [*row["group"], row["problems"], with_interval(row["value"], row["low"], row["high"]), row["mark"]]
                for row in rows
                if tuple(row["columns"]) == names
            ]
            tables.append("```text\n" + columns([*names, "problems", "rate [95%]", "mark"], cells) + "\n```")
    return "\n\n".join(tables)


def _legend(card: dict[str, Any]) -> str:
    marked = sum(bool(row["mark"]) for part in card["benchmarks"] for row in (*part["groups"], *part["intersections"]))
    return (
        f"{marked} groups are marked: their interval, corrected for all groups of a benchmark together, is below or above "
        "the rate over all problems."
    )
