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
    """Make a dataset version of a recipe, or resume that; what is there already is not made again.

    The workspace is the one here or above. `sets`: overrides as `path=value`, for instance
    ["budget.options.cap=32"]. `max_tokens`, `max_cost`: limits over all commands of the run; `keep_going` begins an
    unfinished run anew under the verifiers and models of today. Gives what `rollmill curate --json` prints: run, version,
    path, content_hash, funnel, metrics, spent. SetupError for what a person can mend; FoundWanting where the gate did not
    pass (`GateFailed`) or a limit ended drawing. An interrupted call goes on when it is called again.
    """
    from flows.cli.live import watching
    from flows.curation.stages import Stages, drive
    from flows.job import Job
    from flows.progress import Progress
    from flows.session import open_session

    limits = {"max_tokens": max_tokens, "max_cost": max_cost}
    job = Job.here(recipe, sets, profile, keep_going=keep_going, **limits)
    with watching() as watcher, open_session(job, Progress(watcher)) as session:
        return drive(session, Stages())


def evaluate(
    recipe: str | Path,
    *,
    sets: Sequence[str] = (),
    profile: str | Path | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
) -> dict[str, Any]:
    """Ask every benchmark of every model and measure the answers; what is there already is not drawn again.

    Arguments as for `curate`; the limits are of each cell. Gives what `rollmill evaluate --json` prints: `cells`, each with
    benchmark, model, counts and `metrics` (rows of value, 95% interval, n, estimand). Reports go to reports/NAME.
    """
    from flows.cli.live import watching
    from flows.evaluation.evaluate import evaluate as run_evaluation
    from flows.evaluation.evaluate import open_evaluation, reports_folder
    from flows.evaluation.evaluation_report import write_reports
    from flows.job import Job

    job = Job.here(recipe, sets, profile, max_tokens=max_tokens, max_cost=max_cost, verb="evaluate")
    with watching() as watcher, open_evaluation(job, watcher) as (evaluation, session):
        report = run_evaluation(evaluation, session, watcher)
    paths = write_reports(reports_folder(job, evaluation), report)
    return {**report, "reports": [str(path) for path in paths]}


def compare(  # noqa: PLR0913 (the options of the command)
    before: str,
    after: str,
    *,
    k: int = 1,
    by: Sequence[str] = (),
    margin: float | None = None,
    all_samples: bool = False,
    tokens: int | None = None,
) -> list[dict[str, Any]]:
    """Two models on the problems that both were asked, paired: a row for each benchmark, as `rollmill compare --json`.

    `before`, `after`: a run, dataset version or evaluation, with `:MODEL` where it has several. `k`: pass@k; `by`: columns
    to compare within; `margin`: what counts as equal; `all_samples`: not equally many of both; `tokens`: the budget
    of a problem at equal tokens.
    """
    from storage.queries import Reader
    from storage.queries.comparison import ComparisonRequest
    from storage.queries.comparison import compare as compare_sides
    from storage.queries.sides import sides_of_model

    with Reader.open() as reader:
        request = ComparisonRequest(k, tuple(by), margin, all_samples, tokens)
        first, second = (sides_of_model(reader, name, request.by) for name in (before, after))
        return compare_sides(first, second, request)


def leaderboard(*names: str, by: str | None = None) -> dict[str, Any]:
    """Models x benchmarks of evaluations, runs or versions, as `rollmill leaderboard --json`: cells, means, pairwise tests.

    `by`: a column of the problems, such as `source`, whose values are the benchmarks.
    """
    from storage.queries import Reader
    from storage.queries.comparison import leaderboard as board_of
    from storage.queries.sides import sides_of

    with Reader.open() as reader:
        return board_of([side for name in names for side in sides_of(reader, name, by)])
