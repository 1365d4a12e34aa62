"""`rollmill.curate`, `evaluate`, `compare`, `leaderboard`: the commands of these names from Python, without Prefect."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def curate(
    recipe: str | Path,
    *,
    sets: Sequence[str] = (),
    profile: str | Path | None = None,
    keep_going: bool = False,
    max_tokens: int | None = None,
    max_cost: str | None = None,
) -> dict[str, Any]:
    """Make a dataset version of a recipe, or resume it; existing rows are not made again.

    The workspace is the one here or above. An interrupted call resumes when it is repeated.

    Args:
        recipe: The recipe's file.
        sets: Keys to change, for example `["budget.options.cap=32"]`.
        profile: Profile of this machine.
        keep_going: Restart an unfinished run under the current verifiers and models.
        max_tokens: Most tokens over all commands of the run.
        max_cost: Most money over all commands of the run.

    Returns:
        What `rollmill curate --json` prints: run, version, path, content_hash, funnel, metrics, spent.

    Raises:
        SetupError: Something in the recipe, the profile or the workspace must be corrected.
        FoundWanting: The gate did not pass, or a limit ended the drawing.
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.driver import drive
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.curate import Curate
    from rollmill.flows.progress import Progress

    limits = {"max_tokens": max_tokens, "max_cost": max_cost}
    job = Job.here(recipe, sets, profile, keep_going=keep_going, **limits)
    with watching() as watcher:
        return drive(Curate(job), progress=Progress(watcher))


def evaluate(
    recipe: str | Path,
    *,
    sets: Sequence[str] = (),
    profile: str | Path | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
) -> dict[str, Any]:
    """Ask every benchmark of every model and judge the answers; stored completions are not drawn again.

    Reports go to reports/NAME.

    Args:
        recipe: The evaluation's file.
        sets: Keys to change, for example `["samples=4"]`.
        profile: Profile of this machine.
        max_tokens: Most tokens of each cell, a benchmark asked of a model.
        max_cost: Most money of each cell.

    Returns:
        What `rollmill evaluate --json` prints: `cells`, each with benchmark, model, counts and `metrics`.
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.driver import drive
    from rollmill.flows.job import Job
    from rollmill.flows.jobs.evaluate import Evaluate
    from rollmill.flows.progress import Progress

    job = Job.here(recipe, sets, profile, max_tokens=max_tokens, max_cost=max_cost, verb="evaluate")
    with watching() as watcher:
        return drive(Evaluate(job), progress=Progress(watcher))


def compare(  # noqa: PLR0913 (the options of the command)
    before: str,
    after: str,
    *,
    k: int = 1,
    by: Sequence[str] = (),
    margin: float | None = None,
    all_samples: bool = False,
    tokens: int | None = None,
    errata: bool = False,
) -> list[dict[str, Any]]:
    """Compare two models on the problems that both were asked, paired.

    Args:
        before: A run, dataset version or evaluation, with `:MODEL` if it has several.
        after: The other one.
        k: Completions of pass@k.
        by: Columns to compare within.
        margin: Difference that counts as equal.
        all_samples: Use all samples, and not equally many of both.
        tokens: Budget of a problem, to compare at equal tokens.
        errata: Apply the error ledger.

    Returns:
        A row for each benchmark, as `rollmill compare --json` prints them; with `errata`, also the numbers as judged.
    """
    from rollmill.flows.rejudging.corrections import corrections_of
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.comparisons.comparison import ComparisonRequest
    from rollmill.storage.queries.comparisons.comparison import compare as compare_sides
    from rollmill.storage.queries.comparisons.corrected import corrected_rows
    from rollmill.storage.queries.comparisons.sides import sides_of_model

    with Reader.open() as reader:
        request = ComparisonRequest(k, tuple(by), margin, all_samples, tokens)
        first, second = (sides_of_model(reader, name, request.by) for name in (before, after))
        judged = compare_sides(first, second, request)
        if not errata:
            return judged
        with corrections_of(reader) as corrections:
            sides = [sides_of_model(reader, name, request.by, corrections.pool) for name in (before, after)]
        return corrected_rows(judged, compare_sides(sides[0], sides[1], request), corrections.row())


def leaderboard(
    *names: str, by: str | None = None, impute: bool = False, errata: bool = False, checkpoints: bool = False
) -> dict[str, Any]:
    """Rank models over benchmarks.

    Args:
        names: Evaluations, runs or dataset versions.
        by: A column of the problems whose values are the benchmarks, for example `source`.
        impute: Complete the cells of problems that a model was not asked, by item response theory.
        errata: Apply the error ledger.
        checkpoints: The models are checkpoints in this order: add how well rates follow it.

    Returns:
        What `rollmill leaderboard --json` prints: cells, means and pairwise tests; with `impute`, which cells are imputed,
        ranks and the agreement of rankings; with `errata`, each rate and rank as judged and as corrected.
    """
    from rollmill.flows.rejudging.corrections import corrections_of
    from rollmill.ground.errors import SetupError
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.comparisons.checkpoints import checkpoint_order
    from rollmill.storage.queries.comparisons.comparison import leaderboard as board_of
    from rollmill.storage.queries.comparisons.corrected import corrected_board
    from rollmill.storage.queries.comparisons.imputed_board import imputed_board
    from rollmill.storage.queries.comparisons.sides import evaluation_names, sides_of

    if checkpoints and (impute or errata):
        raise SetupError("--checkpoints goes alone.", next_command="rollmill leaderboard NAME --checkpoints")
    if impute and errata:
        raise SetupError("--errata and --impute do not go together.", next_command="rollmill leaderboard NAME --errata")
    with Reader.open() as reader:
        if not names:
            known, flags = evaluation_names(reader), {"impute": impute, "errata": errata, "checkpoints": checkpoints}
            again = " ".join(["rollmill leaderboard", *known[:1], *(f"--{name}" for name, on in flags.items() if on)])
            first = again if known else "rollmill evaluate recipes/evaluations/arithmetic.yaml"
            raise SetupError("which evaluation, run or version?", choices=known, next_command=first)
        sides = [side for name in names for side in sides_of(reader, name, by)]
        if checkpoints:
            return {**board_of(sides), "checkpoints": checkpoint_order(sides)}
        if not errata:
            return imputed_board(sides) if impute else board_of(sides)
        with corrections_of(reader) as corrections:
            corrected = [side for name in names for side in sides_of(reader, name, by, corrected=corrections.pool)]
        return corrected_board(board_of(sides), board_of(corrected), corrections.row())
