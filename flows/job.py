"""What one command was asked to do, as plain data: a workspace, a recipe, overrides, a profile. Opens nothing."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """The parameters of the curate flow; `keep_going` begins an unfinished run anew under changed verifiers or models.

    `max_tokens` and `max_cost` (an amount as a text) are the limits of the run, before those of the profile.
    """

    workspace: str
    recipe: str
    sets: tuple[str, ...] = ()
    profile: str | None = None
    keep_going: bool = False
    max_tokens: int | None = None
    max_cost: str | None = None

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
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Job":
        """The job that `data` made these parameters."""
        return cls(**{**data, "sets": tuple(data["sets"])})

    @property
    def command(self) -> str:
        """The command line that does this again."""
        sets = "".join(f" --set {shlex.quote(item)}" for item in self.sets)
        profile = f" --profile {self.profile}" if self.profile else ""
        tokens = "" if self.max_tokens is None else f" --max-tokens {self.max_tokens}"
        cost = "" if self.max_cost is None else f" --max-cost {self.max_cost}"
        return f"rollmill curate {self._shown}{sets}{profile}{tokens}{cost}"

    @property
    def _shown(self) -> str:
        path, root = Path(self.recipe), Path(self.workspace)
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
