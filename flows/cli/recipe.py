"""`rollmill recipe new|get|list|check|show|form|methods` and `rollmill synthesize`: recipes before anything is drawn.

Validity of a recipe on this machine, its form with every default, its keys, and its problems.
"""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.new import new
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line, note
from rollmill.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from rollmill.flows.recipe.form import RecipeForm
    from rollmill.ground.form_fields import FormField

LONGEST = 60  # characters of a value or of choices in a table
RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key, for example generate.max_tokens=64; may be repeated."),
]
ProfilePath = Annotated[
    Path | None, typer.Option("--profile", help="Profile of this machine: workers, threads, servers; changes no row.")
]
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=0, help="Most tokens (in and out) that all commands of the run may use."),
]
MaxCost = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="X", help="Most money that the run may cost, in the currency of the prices."),
]
TrustCode = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-code", metavar="DIGEST", help="Run a file that came with a version, in the sandbox; may be repeated."
    ),
]


@runtime_checkable
class Hashed(Protocol):
    """A loaded recipe of a kind that has a hash."""

    @property
    def recipe_hash(self) -> str: ...


verbs = group("recipe", "List recipes, write or fetch one, check one, or show it with every default or as a form.")
verbs.command("new")(new)


@verbs.command("list")
def listed(
    *,
    papers: Annotated[
        bool,
        typer.Option(
            "--papers", help="List the papers instead: published systems with commands and verdicts, and studies."
        ),
    ] = False,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="With --papers: only those with this status.")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="With --papers: only those of this kind.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List those too that `recipe get` brings.")] = False,
    json: AsJson = False,
) -> None:
    """List the recipes of this folder, or those that come with the program.

    With --all the command of a recipe that is not here is the one that brings it.

    Example: rollmill recipe list --papers --status holds
    """
    from rollmill.flows.jobs.listing import absent_recipes, recipe_files

    files = recipe_files(Path())
    absent = absent_recipes(Path()) if Path("recipes").is_dir() else []
    if papers or status or kind:
        from rollmill.flows.studies.shelf import listed_papers

        rows = listed_papers([*files, *absent], Path(), status, kind)
        if not json:
            short = [[row["paper"][:LONGEST], row["status"], row["run"][-1] if row["run"] else "-"] for row in rows]
            return line(columns(["paper", "status", "last command"], short))
    else:
        rows = [{"recipe": str(file.place), "name": file.name, "command": file.command} for file in files]
        if everything:
            rows += [{"recipe": str(file.place), "name": file.name, "command": file.fetched_by} for file in absent]
        elif absent:
            note(f"{len(absent)} more come with the program: rollmill recipe list --all, then rollmill recipe get NAME")
    if json:
        return as_json(rows)
    return line(columns(list(rows[0]) if rows else ["recipe"], [list(row.values()) for row in rows]))


@verbs.command("get")
def get(
    names: Annotated[list[str], typer.Argument(metavar="SHIPPED", hidden=True)],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Copy recipes that come with the program into the workspace, with all files that they name.

    A recipe goes by its path below recipes/, and `rollmill recipe list --all` lists them. A file that is here already and
    differs is kept, and named.

    Example: rollmill recipe get steps/efa loops/star
    """
    from rollmill.flows.job import workspace_root
    from rollmill.flows.recipe.shipped import fetch

    fetched = fetch(workspace_root(), names, dry_run=dry_run)
    if json:
        return as_json([{"file": file.place, "outcome": file.outcome} for file in fetched])
    words = {
        "written": "would be written" if dry_run else "written",
        "same": "here already",
        "kept": "kept, for it differs",
    }
    return line("\n".join(f"{file.place}: {words[file.outcome]}" for file in fetched))


@verbs.command("check")
def check(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Say whether the recipe can run here: keys, names, options and values, its model, imported sets, files and sandbox.

    RECIPE is of any kind. Of some kinds the names in it are looked for by the verb alone, which a line says.

    Example: rollmill recipe check recipes/arithmetic.yaml --set budget.options.cap=32
    """
    from rollmill.flows.recipe.parse import naming, read_yaml
    from rollmill.ground.by_name import object_at
    from rollmill.kinds import FIRST, kind_of_recipe, recipe_files_of

    kind = kind_of_recipe(read_yaml(recipe, "recipes")[0]) if recipe.is_file() else None
    kind = kind or FIRST
    files = recipe_files_of(kind)
    loaded = object_at(files.loader)(recipe, sets=sets or ())
    with naming(recipe, files.folder):
        notes = object_at(files.look)(loaded) if files.look else []
    if json:
        hashed = {"recipe_hash": loaded.recipe_hash} if isinstance(loaded, Hashed) else {}
        as_json({"recipe": loaded.recipe.name, **hashed, "ok": not notes, "notes": notes})
    for text in () if json else notes:
        note(f"{recipe}: {text}")
    if notes:
        raise FoundWanting(
            f"{recipe} is not known to be sound.", next_command=f"rollmill -C WORKSPACE recipe check {recipe.resolve()}"
        )
    words = "is sound" if files.look else "has sound keys; what it names was not looked for"
    following = f"rollmill {kind.verb} {recipe}{'' if files.look else f' {files.dry}'}".rstrip()
    digest = f" recipe_hash {loaded.recipe_hash[:16]}." if isinstance(loaded, Hashed) else ""
    return None if json else line(f"{recipe} {words}.{digest} Next: {following}")


@verbs.command("show")
def show(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Print the recipe with every default filled in, and its hash.

    Example: rollmill recipe show recipes/arithmetic.yaml
    """
    import yaml

    from rollmill.flows.recipe.load import load_recipe

    loaded = load_recipe(recipe, sets=sets or ())
    if json:
        return as_json({"recipe_hash": loaded.recipe_hash, "recipe": loaded.shown()})
    line(f"# recipe_hash: {loaded.recipe_hash}")
    return line(yaml.safe_dump(loaded.shown(), sort_keys=False, allow_unicode=True).rstrip())


@verbs.command("form")
def form(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Print the keys of a recipe with type, choices, value and meaning, as the dashboard has them.

    RECIPE is of any kind. Each key can be changed with --set. A file with a mistake is printed too, and exit status 2 names
    the mistake.

    Example: rollmill recipe form recipes/arithmetic.yaml --set budget.method=fixed
    """
    from rollmill.flows.recipe.form import form_of
    from rollmill.ground.by_name import object_at
    from rollmill.kinds import recipe_files_of

    made = form_of(recipe, sets or ())
    if json:
        as_json(made.row(), sort_keys=False)  # of a trial the first arm is what the others are compared with
    else:
        line(_keys(made))
    object_at(recipe_files_of(made.kind).loader)(recipe, sets=made.sets)


@verbs.command("methods")
def methods(
    recipe: RecipePath,
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Refuse a recipe of another name: a stage looks in reports/NAME.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Write reports/NAME/methods.json: versions of a recipe's methods, digests of its files and of the program.

    The stages of dvc.yaml depend on it, so that `dvc repro` runs again what another method or file may change.

    Example: rollmill recipe methods recipes/arithmetic.yaml
    """
    from rollmill.flows.jobs.methods_report import write_methods_report
    from rollmill.flows.recipe.load import load_recipe
    from rollmill.storage.workspace import Workspace

    loaded = load_recipe(recipe)
    if name not in (None, loaded.recipe.name):
        raise SetupError(
            f"{recipe} has the name {loaded.recipe.name!r}, and not {name!r}.",
            next_command=f"write `{loaded.recipe.name}: {recipe}` under `recipes` in params.yaml",
        )
    with Workspace.open() as workspace:
        path = write_methods_report(workspace, loaded)
    return as_json({"recipe": loaded.recipe.name, "file": str(path)}) if json else line(str(path))


def _keys(made: "RecipeForm") -> str:
    """A form for people: a line for each key."""
    from rollmill.ground.form_fields import yaml_text

    rows = [[part.path, yaml_text(part.value)[:LONGEST], _type_words(part), part.help] for part in made.fields]
    return columns(["key", "value", "type", "meaning"], rows)


def _type_words(part: "FormField") -> str:
    words = {"whole": "whole number", "switch": "true or false", "items": "list", "yaml": "value"}
    if part.type.kind == "choice":
        return ", ".join(map(str, part.type.choices))[:LONGEST]
    return words.get(part.type.kind, part.type.kind)


def synthesize(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipePath,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    show: Annotated[int, typer.Option(min=0, help="Print so many of the problems.")] = 2,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make the problems of a recipe and store them; `curate` does this automatically.

    Requests to a model are stored and charged to the recipe's run: the same command continues where it ended.

    Example: rollmill synthesize recipes/arithmetic.yaml --show 8
    """
    from rollmill.flows.curation.outcome import write_problem_report
    from rollmill.flows.identity import problems_of
    from rollmill.flows.job import Job
    from rollmill.flows.session import open_session, read_session, recipe_of

    started = time.monotonic()
    job = Job.here(recipe, sets or (), profile, max_tokens=max_tokens, max_cost=max_cost, verb="synthesize")
    loaded = recipe_of(job)
    with (read_session if dry_run else open_session)(job) as session:
        problem_set = problems_of(session, loaded, store=not dry_run)
        report = None if dry_run else write_problem_report(session.workspace.root, loaded, problem_set)
        messages = list(session.messages)
    levels = Counter(problem.level for problem in problem_set.problems)
    row = {
        "recipe": loaded.recipe.name,
        "digest": problem_set.digest,
        "made": problem_set.made,
        "dropped": dict(problem_set.dropped),
        "problems": len(problem_set.problems),
        "levels": {str(level): levels[level] for level in sorted(levels, key=lambda level: (level is None, level))},
        "seconds": round(time.monotonic() - started, 3),
        "messages": messages,
    }
    if json:
        return as_json(row)
    return line(_page(row, problem_set.problems[:show], report, recipe))


def _page(row: dict[str, Any], shown: Any, report: Path | None, recipe: Path) -> str:
    from rollmill.flows.cli.summary import dropped_problems
    from rollmill.flows.problems import prompt_text

    lines = [
        *row["messages"],
        f"{row['problems']:,} problems of {row['made']:,} made ({dropped_problems(row['dropped'])}) "
        f"in {row['seconds']:.1f} s, {'not stored' if report is None else 'stored'}.",
        columns(["level", "problems"], [[level, count] for level, count in row["levels"].items()]),
    ]
    for problem in shown:
        lines += ["", f"[{problem.template or problem.source}] {prompt_text(problem.prompt)}", f"  = {problem.reference}"]
    return "\n".join([*lines, "", f"Next: rollmill curate {recipe}"])
