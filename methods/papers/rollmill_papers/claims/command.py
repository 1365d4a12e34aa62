"""`rollmill claims`: published numbers, mechanisms and checks of our code, each on a board of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.methods import (
    AsJson,
    DryRun,
    MaxCost,
    MaxTokens,
    ProfilePath,
    Sets,
    SetupError,
    as_json,
    columns,
    doing,
    group,
    line,
    resumable,
    workspace_root,
)

verbs = group("claims", "Check what papers say of sampling, votes, budgets and error bars.")
# Hidden, as Typer would explain them as <list[str]>; each command's text says what they are.
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Replicates, each with problems and completions of its own.")]
RecipePath = Annotated[Path | None, typer.Option("--recipe", help="The evaluation whose cells are the pools.")]
Outputs = Annotated[
    Path | None,
    typer.Option("--outputs", metavar="FOLDER", help="Released outputs of papers to import first."),
]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="File for a page of all results.")]


@verbs.command("list")
def list_claims(*, json: AsJson = False) -> None:
    """Every published number and every claim, board by board, with the prediction and its data.

    Example: rollmill claims list
    """
    from rollmill_papers.claims.boards import BOARDS
    from rollmill_papers.claims.chosen import chosen_claims
    from rollmill_papers.claims.markdown_page import printed
    from rollmill_papers.claims.released.number_rows import number_row
    from rollmill_papers.claims.released.published import published_table
    from rollmill_papers.claims.results import claim_row

    chosen = chosen_claims(())
    rows = [*(number_row(published_table(), number) for number in chosen.numbers), *map(claim_row, chosen.claims)]
    if json:
        return as_json(rows)
    lines = []
    for board, title in BOARDS.items():
        lines += [f"{title}:"]
        for row in rows:
            if row["board"] == board == "numbers":
                lines.append(f"{row['claim']}: {printed(row)} ({row['source'].split(',')[0]}, {row['where']})")
            elif row["board"] == board:
                lines += _claim_lines(row)
        lines.append("")
    return line("\n".join([*lines, f"Next: rollmill claims run {rows[-1]['claim']}"]))


def _claim_lines(row: Mapping[str, Any]) -> list[str]:
    """A claim with its data, and a line for each effect, its prediction first."""
    words = max(len(effect["words"]) for effect in row["expected"])
    effects = [f"  {effect['words']:<{words}}  {effect['effect']}" for effect in row["expected"]]
    return [f"{row['claim']} ({', '.join(row['pools']) or 'simulation'})", *effects]


@verbs.command()
def run(  # noqa: PLR0913 (a verb's parameters are its options)
    names: Names = None,
    *,
    seeds: Seeds = 5,
    recipe: RecipePath = None,
    sets: Sets = None,
    profile: ProfilePath = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    outputs: Outputs = None,
    write: Write = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Check claims and published numbers, all, a board (numbers, mechanisms, checks) or those named.

    Completions that pools lack are drawn, released outputs in the folder of --outputs are imported and judged. Results
    go to reports/claims, one file each. A second call draws and judges nothing and gives the same files.

    Example: rollmill claims run best-of-many-settings
    """
    from rollmill.methods import load_evaluation, watching, write_text
    from rollmill_papers.claims.claim_checks import ClaimsRequest, run_claims
    from rollmill_papers.claims.pools import DRAWN, PoolDrawing

    root = workspace_root()
    if dry_run:
        load_evaluation(recipe or DRAWN, sets=sets or ())
        return _plan(names or (), seeds, json=json)
    with resumable("To go on: the same command."), watching() as watcher:
        place = None if profile is None else str(profile)
        drawing = PoolDrawing(root, recipe or DRAWN, tuple(sets or ()), place, max_tokens, max_cost, watcher, doing)
        rows = run_claims(ClaimsRequest(drawing, tuple(names or ()), seeds, outputs))
    if write is not None:
        from rollmill_papers.claims.markdown_page import markdown

        write_text(write, markdown(_all_results(root)))
    if json:
        return as_json(rows)
    return line("\n".join([_table(rows), "", "Next: rollmill claims show NAME"]))


@verbs.command()
def show(names: Names = None, *, json: AsJson = False) -> None:
    """Show the measurements: a table for each board, and every seed of the named claims.

    Example: rollmill claims show
    """
    from rollmill.methods import Workspace
    from rollmill_papers.claims.chosen import chosen_claims
    from rollmill_papers.claims.markdown_page import result_text

    wanted = chosen_claims(names or ()).names
    with Workspace.open(read_only=True) as workspace:
        rows = [row for row in _all_results(workspace.root) if row["claim"] in wanted]
    if not rows:
        words = " ".join(names or ())
        raise SetupError("no claim was checked here.", next_command=f"rollmill claims run {words}".rstrip())
    if json:
        return as_json(rows)
    return line("\n\n".join(map(result_text, rows)) if names else _table(rows))


def _all_results(root: Path) -> list[dict[str, Any]]:
    """The stored results, board by board, in the order of their files."""
    from rollmill_papers.claims.boards import claim_results
    from rollmill_papers.claims.chosen import chosen_claims

    stored = claim_results(root)
    return [stored[name] for name in chosen_claims(()).names if name in stored]


def _plan(names: Sequence[str], seeds: int, *, json: bool) -> None:
    from rollmill_papers.claims.chosen import chosen_claims

    chosen = chosen_claims(names)
    pools = sorted({pool for claim in chosen.claims for pool in claim.pools} | chosen.recorded)
    if json:
        return as_json({"claims": chosen.names, "pools": pools, "seeds": seeds})
    return line(f"{len(chosen.names)} claims on {', '.join(pools) or 'simulations'}, {seeds} seeds. Nothing was written.")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The boards as tables, each with how many have which status."""
    from rollmill_papers.claims.boards import BOARDS, counts

    parts = []
    for board, title in BOARDS.items():
        mine = [row for row in rows if row["board"] == board]
        if mine:
            parts += [f"{title}: {counts(mine)}", _number_table(mine) if board == "numbers" else _effect_table(mine), ""]
    return "\n".join(parts).rstrip()


def _number_table(rows: Sequence[Mapping[str, Any]]) -> str:
    from rollmill_papers.claims.markdown_page import number_text, printed

    table = [
        [
            row["claim"],
            row["status"],
            printed(row),
            number_text(row["ours"]),
            "-" if row["labels"] is None else f"{row['labels']:.3f}",
            row["why"].partition(", from ")[0] if row["ours"] is None else row["where"],
        ]
        for row in rows
    ]
    return columns(["number", "status", "published", "ours [95%]", "labels", "where"], table)


def _effect_table(rows: Sequence[Mapping[str, Any]]) -> str:
    from rollmill_papers.claims.markdown_page import seeds, value_text

    table = []
    for row in rows:
        effects = row["effects"] or [{} for _ in row["expected"]]
        for at, (expected, effect) in enumerate(zip(row["expected"], effects, strict=True)):
            first = [row["claim"], row["status"]] if not at else ["", ""]
            table.append([*first, expected["effect"], expected["words"], value_text(effect), seeds(effect)])
    return columns(["claim", "status", "effect", "predicted", "measured [95%]", "as predicted"], table)
