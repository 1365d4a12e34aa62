"""Tracking a folder with DVC: `dvc add` in a child process, never a commit. Independent of the folder's content.

Analytics and the update check are switched off for the child. Without a DVC repository, or if DVC refuses, the folder stays
untracked and the caller gets one warning line. Files of the repository tell DVC no more than trust.py lets through.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, explained
from rollmill.ground.files import ensure_lines, other_owner, own_folder, plain
from rollmill.ground.planted.links import leads_out
from rollmill.storage.dvc.trust import require_plain

PROGRAM = Path(__file__).with_name("program.py")
_LOCK_SECONDS = 60.0
_LARGEST = 1 << 20  # bytes of a pointer


@dataclass(frozen=True)
class Tracking:
    """Result of tracking a folder. `files` are the paths for git, `warning` the reason why DVC does not track it."""

    files: tuple[Path, ...]
    warning: str | None = None


def add(path: Path) -> Tracking:
    """Run `dvc add` on a folder; a tracked one is unchanged. Never raises for a missing git or DVC.

    Git is told to ignore the folder in any case: rows that DVC does not track must not be committed instead.
    """
    ignore = path.parent / ".gitignore"
    if repository(path, ".git") is not None:
        with explained(ignore):
            ensure_lines(ignore, [f"/{path.name}"])
    root = repository(path, ".dvc")
    if root is None:
        return Tracking(
            (),
            f"warning: {path.name} is not tracked: no DVC repository here. "
            f"Next: git init && dvc init, then the same command again: it tracks the version",
        )
    links = (file for file in path.rglob("*") if file.is_symlink())
    if link := next((file for file in links if leads_out(file, root / ".dvc" / "cache")), None):
        # DVC would publish the file that it leads to; its own, where its cache is linked, lead into that.
        return Tracking((), f"warning: {path.name} is not tracked: {link} is a link. Next: rm {shlex.quote(str(link))}")
    pointer = path.with_name(f"{path.name}.dvc")
    _remove_torn(pointer)
    try:
        process = run_when_unlocked(["add", str(path.resolve().relative_to(root))], root)
    except SetupError as error:
        return Tracking((), f"warning: {path.name} is not tracked: {error.message} Next: {error.next_command}")
    if process.returncode:
        _remove_torn(pointer)
        return Tracking((), f"warning: {path.name} is not tracked: dvc add failed: {_failure(process)}")
    return Tracking(tuple(file for file in (pointer, ignore) if file.exists()))


def outputs(pointer: Path) -> list[dict[str, Any]] | None:
    """The outputs in a pointer of DVC; None for a file that is not a pointer, for example with git's conflict marks."""
    import yaml

    try:
        with open(pointer, "rb", opener=plain) as file:
            content = yaml.safe_load(file.read(_LARGEST).decode("utf-8", errors="replace"))
    except (yaml.YAMLError, RecursionError):
        return None
    outs = content.get("outs") if isinstance(content, dict) else None
    return outs if isinstance(outs, list) and all(isinstance(out, dict) for out in outs) else None


def _remove_torn(pointer: Path) -> None:
    """Remove a pointer that a killed DVC left half written, as it writes in place: DVC reads it first and would refuse."""
    if pointer.is_file() and outputs(pointer) is None:
        pointer.unlink()


def run(arguments: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    """A dvc command in a repository, by this interpreter's own DVC; SetupError where its files ask for more than that."""
    require_plain(root, arguments)
    # CI silences the update check, which would ask a server and leave a daemon behind.
    environment = {"DVC_SITE_CACHE_DIR": _private_cache(), **os.environ, "DVC_NO_ANALYTICS": "1", "CI": "1"}
    return subprocess.run(
        [sys.executable, "-P", str(PROGRAM), *arguments],  # -P: a dvc.py in the repository must not be taken for DVC
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _private_cache() -> str:
    """A folder of this user's own for DVC's cache of digests, which it unpickles.

    By default that cache lies under /var/tmp, where every user of the machine may replace it.
    """
    place = own_folder("XDG_CACHE_HOME", ".cache") / "dvc"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return tempfile.mkdtemp(prefix="rollmill-dvc-")
    return str(place)


def run_when_unlocked(arguments: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    """A dvc command that waits for another one to release the repository's lock, up to a minute."""
    deadline, locks = time.monotonic() + _LOCK_SECONDS, root / ".dvc" / "tmp" / "rwlock"
    while True:
        process = run(arguments, root)
        if "RWLock-file" in process.stderr and locks.is_file():
            locks.unlink()  # left by a DVC that a full disk or a kill stopped while writing: no other can read it either
            process = run(arguments, root)
        if "acquire lock" not in process.stderr or time.monotonic() > deadline:
            return process
        time.sleep(0.5)


def repository(path: Path, marker: str) -> Path | None:
    """The nearest folder at or above `path` that holds `marker` (.git or .dvc); None if another user made that above the
    workspace, whose settings name where data is sent.
    """
    resolved = path.resolve()
    nearest = next((folder for folder in (resolved, *resolved.parents) if (folder / marker).exists()), None)
    if nearest is None or not other_owner(nearest / marker):
        return nearest
    return nearest if (nearest / "rollmill.toml").exists() else None


def _failure(process: subprocess.CompletedProcess[str]) -> str:
    """DVC's error message; empty for a killed DVC."""
    if process.returncode < 0 and not process.stderr.strip():
        return f"it was killed by signal {-process.returncode}. Next: the same command again tracks it"
    return first_line(process.stderr)


def git_add_line(files: list[Path]) -> str | None:
    """The `git add ...` line for a person to run, relative to the git root; None outside of git."""
    root = repository(files[0], ".git") if files else None
    if root is None:
        return None
    return "git add " + " ".join(sorted({str(file.resolve().relative_to(root)) for file in files}))


def first_line(text: str) -> str:
    """The first line of an error in DVC's output."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (named or lines or ["no message"])[0]


def last_line(text: str) -> str:
    """DVC's summary at the end of its output."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing to do"


def require_remote(root: Path, remote: str | None) -> None:
    """SetupError for a repository without this DVC remote; without a name, without a default one."""
    known = _remotes(root)
    if remote not in (None, *known):
        raise SetupError(f"no DVC remote {remote!r}.", choices=known, next_command="dvc remote add NAME PATH_OR_URL")
    if not has_remote(root, remote):
        raise SetupError(
            "no default DVC remote is set.", choices=known, next_command="dvc remote add --default NAME PATH_OR_URL"
        )


def has_remote(root: Path, remote: str | None) -> bool:
    """True for a repository with this DVC remote; without a name, with a default one."""
    return "core.remote" in _settings(root) if remote is None else remote in _remotes(root)


def _remotes(root: Path) -> list[str]:
    ends = ("remote.", ".url")
    return [
        key.removeprefix(ends[0]).removesuffix(ends[1])
        for key in _settings(root)
        if key.startswith(ends[0]) and key.endswith(ends[1])
    ]


def _settings(root: Path) -> list[str]:
    return [line.partition("=")[0] for line in run(["config", "--list"], root).stdout.splitlines()]
