"""The command line that does a recorded job again, perhaps with other settings: for messages, and for pages that run it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def command_words(job: Mapping[str, Any], sets: Mapping[str, str] | None = None) -> list[str]:
    """The arguments of `rollmill` that repeat a job. `job`: the job as a run records it (rollmill.flows.job.Job.data);
    paths in its workspace become relative.

    `sets`: recipe keys with new values as YAML. They replace what the job set for these keys and the keys below them.
    """
    new = dict(sets or {})
    kept = [item for item in job["sets"] if not any(_is_of(item, key) for key in new)]
    words = [str(job.get("verb", "curate")), _from_root(job, job["recipe"])]
    for item in (*kept, *(f"{key}={value}" for key, value in new.items())):
        words += ["--set", item]
    given = {"--max-tokens": job.get("max_tokens"), "--max-cost": job.get("max_cost")}
    profile = job.get("profile")
    options = {"--profile": profile and _from_root(job, profile), **given}
    return words + [word for name, value in options.items() if value is not None for word in (name, str(value))]


def path_in(root: Path, job: Mapping[str, Any], path: str) -> str:
    """A path of a job in the workspace where the job is found now: a copy of the job's workspace has its own files."""
    return str(root / _from_root(job, path))


def _is_of(item: str, key: str) -> bool:
    """True for `gate.min_kept=5` of `gate.min_kept`, or of `gate`."""
    return f"{item.partition('=')[0].strip()}.".startswith(f"{key}.")


def _from_root(job: Mapping[str, Any], path: str) -> str:
    """A path in the job's workspace as a relative one; any other path as it is."""
    inside = Path(path).is_relative_to(job["workspace"])
    return str(Path(path).relative_to(job["workspace"])) if inside else path
