"""Commands in a git and DVC repository of a test, whoever the user of this machine is."""

import os
import subprocess
from pathlib import Path

from rollmill.storage import dvc


def git(root: Path, *arguments: str, code: int = 0) -> str:
    """What git printed; `code` is the exit status it must have."""
    identity = {f"GIT_{role}_{what}": "t@t" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def run_dvc(root: Path, *arguments: str) -> str:
    """What DVC printed."""
    done = dvc.run(list(arguments), root)
    assert done.returncode == 0, done.stderr
    return done.stdout
