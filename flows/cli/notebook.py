"""`rollmill.curate`: a recipe to a dataset version from Python, in this process and without Prefect."""

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
