"""Job of one command as plain data: a workspace, a recipe, overrides, a profile."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollmill.ground.job_command import command_words, path_in


def workspace_root() -> Path:
    """The workspace here or above."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        return workspace.root


@dataclass(frozen=True, slots=True)
class Job:
    """The parameters of the curate flow; `keep_going` restarts an unfinished run under changed verifiers or models.

    `max_tokens` and `max_cost` (an amount as a text) are the limits of the run, before those of the profile. `verb`: the
    command that was given; `cell`: which run of an evaluation's file it is. `publish_again`: content that an older version
    has becomes the newest once more.
    """

    workspace: str
    recipe: str
    sets: tuple[str, ...] = ()
    profile: str | None = None
    keep_going: bool = False
    max_tokens: int | None = None
    max_cost: str | None = None
    verb: str = "curate"
    cell: str | None = None
    publish_again: bool = True

    def data(self) -> dict[str, Any]:
        """The parameters as JSON values, for Prefect."""
        return {
            "workspace": self.workspace,
            "recipe": self.recipe,
            "sets": list(self.sets),
            "profile": self.profile,
            "keep_going": self.keep_going,
            "max_tokens": self.max_tokens,
            "max_cost": self.max_cost,
            **({} if self.verb == "curate" else {"verb": self.verb, "cell": self.cell}),
            **({} if self.publish_again else {"publish_again": False}),
        }

    @classmethod
    def here(cls, recipe: str | Path, sets: Sequence[str], profile: str | Path | None, **more: Any) -> "Job":
        """The job of a recipe and a profile, by path or name, in the workspace here or above."""
        place = None if profile is None else str(Path(profile).resolve())
        return cls(str(workspace_root()), str(Path(recipe).resolve()), tuple(sets), place, **more)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Job":
        """The job that `data` made these parameters."""
        return cls(**{**data, "sets": tuple(data["sets"])})

    @classmethod
    def of_run(cls, data: Mapping[str, Any], root: Path) -> "Job":
        """The job that a run was begun with, in the workspace where it is found now: a copy reads its own files."""
        job = cls.of(data)
        profile = None if job.profile is None else path_in(root, data, job.profile)
        return replace(job, workspace=str(root), recipe=path_in(root, data, job.recipe), profile=profile)

    @property
    def folder(self) -> Path:
        """Folder of the recipe, which its user's files are relative to."""
        return Path(self.recipe).parent

    @property
    def command(self) -> str:
        """The command line that does this again."""
        return shlex.join(["rollmill", *command_words({**self.data(), "verb": self.verb})])
