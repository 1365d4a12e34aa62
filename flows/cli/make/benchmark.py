"""`rollmill benchmark list|show`: the benchmarks that are defined, and the card of one. Text only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, columns, inert, line

Named = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark that ships, or the YAML file of one.")]
MOST_SKILLS = 8
verbs = group("benchmark", "List the defined benchmarks, or show the card of one.")


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """The benchmarks that ship: what checks their answers, how they are asked, and whether their problems are here.

    Example: rollmill benchmark list
    """
    from rollmill.flows.evaluation.benchmark_list import benchmark_list
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        rows = benchmark_list(workspace)
    if json:
        return as_json(rows)
    head = ("name", "kind", "verify", "form", "licence", "imported")
    table = [[", ".join(row[key]) if key == "verify" else row[key] for key in head] for row in rows]
    return line(f"{columns(head, table)}\nNext: rollmill benchmark show {rows[0]['name']}")


@verbs.command("show")
def show(name: Named, *, json: AsJson = False) -> None:
    """The card of a benchmark: source, licence, columns, checker with version, problems by split, and the first problem's
    prompt.

    Example: rollmill benchmark show gsm8k
    """
    from rollmill.flows.evaluation.benchmark_card import benchmark_card
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        card = benchmark_card(workspace, name, Path())
    return as_json(card) if json else line("\n".join(_lines(card)))


def _lines(card: Mapping[str, Any]) -> list[str]:
    checkers = ", then ".join(f"{part['method']} {part['version'].replace('+', ' +')}" for part in card["verify"])
    lines = [
        f"{card['name']}: {card['about']}",
        f"  origin       {card['origin']}",
        f"  licence      {card['licence']}",
        f"  columns      {', '.join(card['columns']) or '-'}",
        f"  checker      {checkers}",
        f"  definition   SHA-256 {card['definition_sha256'][:16]}",
    ]
    lines += [f"  file         SHA-256 {digest} only" for digest in card["file_sha256"]]
    for file in card["files"]:
        lines += [
            f"  imported     {file['file']}, {file['rows']:,} rows",
            *(f"    note       {note}" for note in file["notes"]),
        ]
    for split, of in card["splits"].items():
        lines += [f"  split        {split}: {of['problems']:,} problems", *_split_lines(of)]
    if card["missing"] is not None:
        reason, _, command = card["missing"].partition(" Next: ")
        return [*lines, f"  missing      {reason}", *([f"Next: {command}"] if command else [])]
    return [*lines, "  asked        the first problem, as it is sent:", *_prompt_lines(card["first"])]


def _split_lines(of: Mapping[str, Any]) -> list[str]:
    size = of["characters"]
    lines = [f"    characters {size['least']:,} to {size['most']:,}, median {size['median']:,.0f}"]
    for key in ("levels", "skills", "right_letters"):
        counts = list(of[key].items())
        if counts:
            more = f" and {len(counts) - MOST_SKILLS} more" if len(counts) > MOST_SKILLS else ""
            shown = ", ".join(f"{name}: {count:,}" for name, count in counts[:MOST_SKILLS])
            lines.append(f"    {key.replace('_', ' '):<10} {inert(shown)}{more}")
    return lines


def _prompt_lines(first: Any) -> list[str]:
    turns = [("text", first)] if isinstance(first, str) else [(turn["role"], turn["content"]) for turn in first]
    return [f"    {role:<10} {text}" for role, content in turns for text in inert(content).splitlines() or [""]]
