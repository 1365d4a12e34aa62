"""`rollmill claims`: what papers say, checked on the shipped model, on recorded rollouts or by simulation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli import group
from flows.cli.output import AsJson, DryRun, as_json, columns, doing, line, resumable
from flows.cli.recipe import MaxCost, MaxTokens, ProfilePath, Sets
from flows.job import workspace_root
from storage.errors import SetupError

verbs = group("claims", "Check what papers say of sampling, votes, budgets and error bars.")
# Hidden, as Typer would explain them as <list[str]>; each command's text says what they are.
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Replicates, each with problems and completions of its own.")]
RecipePath = Annotated[Path | None, typer.Option("--recipe", help="The evaluation whose cells are the pools.")]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Also write all results as a page.")]


@verbs.command("list")
def list_claims(*, json: AsJson = False) -> None:
    """Every claim with its source, its prediction and what it is measured on.

    Example: rollmill claims list
    """
    from flows.claims.results import claim_row
    from pipelines.claims import CLAIMS

    rows = [claim_row(claim) for claim in CLAIMS.values()]
    if json:
        return as_json(rows)
    stated_rows = [text for row in rows for text in _claim_lines(row)]
    return line("\n".join([*stated_rows, f"Next: rollmill claims run {rows[0]['claim']}"]))


def _claim_lines(row: Mapping[str, Any]) -> list[str]:
    """A claim with what it is measured on, and a line for each effect, its prediction first."""
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
    write: Write = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Check claims, all or those named: draw the completions that their pools lack, measure, compare with the prediction.

    Results go to reports/claims, one file per claim. A second call draws nothing and gives the same files.

    Example: rollmill claims run best-of-many-settings
    """
    from flows.claims import ClaimsRequest, run_claims
    from flows.claims.pools import Drawing, recipe_of
    from flows.cli.live import watching
    from flows.recipe.evaluations import load_evaluation
    from storage.files import write_text

    root = workspace_root()
    if dry_run:
        load_evaluation(recipe or recipe_of(root), sets=sets or ())
        return _plan(names or (), seeds, json=json)
    with resumable("To go on: the same command."), watching() as watcher:
        place = None if profile is None else str(profile)
        drawing = Drawing(root, recipe or recipe_of(root), tuple(sets or ()), place, max_tokens, max_cost, watcher, doing)
        rows = run_claims(ClaimsRequest(drawing, tuple(names or ()), seeds))
    if write is not None:
        from flows.claims.page import markdown

        write_text(write, markdown(_all_results(root)))
    if json:
        return as_json(rows)
    return line("\n".join([_table(rows), "", "Next: rollmill claims show NAME"]))


@verbs.command()
def show(names: Names = None, *, json: AsJson = False) -> None:
    """Show what checks gave: of all claims a table, of those named every seed.

    Example: rollmill claims show
    """
    from flows.claims import chosen_claims
    from flows.claims.page import result_text
    from storage.workspace import Workspace

    with Workspace.open(read_only=True) as workspace:
        rows = _all_results(workspace.root)
    wanted = [claim.name for claim in chosen_claims(names or ())]
    rows = [row for row in rows if row["claim"] in wanted]
    if not rows:
        words = " ".join(names or ())
        raise SetupError("no claim was checked here.", next_command=f"rollmill claims run {words}".rstrip())
    if json:
        return as_json(rows)
    return line("\n\n".join(map(result_text, rows)) if names else _table(rows))


def _all_results(root: Path) -> list[dict[str, Any]]:
    """The stored results in the order of the registry."""
    from pipelines.claims import CLAIMS
    from storage.queries.claims import claim_results

    stored = claim_results(root)
    return [stored[name] for name in CLAIMS if name in stored]


def _plan(names: Sequence[str], seeds: int, *, json: bool) -> None:
    from flows.claims import chosen_claims

    chosen = chosen_claims(names)
    pools = sorted({pool for claim in chosen for pool in claim.pools})
    if json:
        return as_json({"claims": [claim.name for claim in chosen], "pools": pools, "seeds": seeds})
    return line(f"{len(chosen)} claims on {', '.join(pools) or 'simulations'}, {seeds} seeds. Nothing was written.")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    from flows.claims.page import seeds, value_text

    table = []
    for row in rows:
        effects = row["effects"] or [{} for _ in row["expected"]]
        for at, (expected, effect) in enumerate(zip(row["expected"], effects, strict=True)):
            first = [row["claim"], row["status"]] if not at else ["", ""]
            table.append([*first, expected["effect"], expected["words"], value_text(effect), seeds(effect)])
    return columns(["claim", "status", "effect", "predicted", "measured [95%]", "as predicted"], table)
