"""Judges of a reward: the verifiers and the policy of a recipe, or one verifier by its name; and the stored problems."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.servers import http_settings
from rollmill.flows.rewards.judging import JudgingThreads
from rollmill.ground.errors import SetupError, extras_named
from rollmill.ground.records import Problem
from rollmill.pipelines.verify.acceptance import PLAIN, Policy
from rollmill.pipelines.verify.finding import worker_count
from rollmill.roles.protocols import Verifier

RECIPES = (".yaml", ".yml")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RewardSource:
    """The verifiers of a reward: the path of a recipe, or the name of a verifier with its options.

    `profile`: path of a profile. `workers`: number of items judged in parallel; 0 takes the profile's number, else one for
    each core. A verifier that uses processes then has this many.
    """

    name: str
    options: Mapping[str, Any]
    profile: str | None = None
    workers: int = 0

    @property
    def is_recipe(self) -> bool:
        """True for a recipe's file."""
        return Path(self.name).suffix in RECIPES

    def canonical(self) -> list[Any]:
        """The verifiers with their versions and options, and the policy: everything that can change a verdict."""
        methods, policy = self._methods()
        judged = []
        for method in methods:
            # One process: it is built for its version alone.
            built = method.build(workers=1)
            judged.append([built.version, method.canonical()])
            built.close()
        return [judged, policy.name, policy.version]

    def judging(self, most_waiting: int | None = None) -> JudgingThreads:
        """Threads that judge as this source says; SetupError for a mistake in it, or a machine that cannot run its
        verifiers.
        """
        profile = load_profile(None if self.profile is None else Path(self.profile))
        http = http_settings(profile.servers, profile.http, profile.prices) if profile.servers else None
        methods, policy = self._methods()
        # One process for a thread: with more, each thread's chain would start as many as the machine has cores.
        factories = [_factory(method, {"workers": 1, "threads": profile.threads, "http": http}) for method in methods]
        threads = worker_count(self.workers or profile.workers)
        return JudgingThreads(factories, policy, threads=threads, most_waiting=most_waiting)

    def _methods(self) -> tuple[Sequence[MethodSpec], Policy]:
        if not self.is_recipe:
            # `file.py:Class` is a verifier of the user's own.
            if Path(self.name).exists() and ":" not in self.name:
                raise SetupError(f"{self.name} is not a recipe: its name ends in neither of {' and '.join(RECIPES)}.")
            return [resolve("verifier", self.name, self.options, base=Path())], PLAIN
        if self.options:
            raise SetupError(
                "options are for a single verifier; a recipe sets them in its `verify`.", next_command=f"edit {self.name}"
            )
        loaded = load_recipe(Path(self.name))
        return loaded.verifiers, loaded.accept.build()


def _factory(method: MethodSpec, settings: Mapping[str, Any]) -> Callable[[], Verifier]:
    return partial(method.build, **settings)


class StoredProblems:
    """Problems of the workspace around the first of these folders that is in one, by id, each read once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._known: dict[str, Problem | None] = {}

    def of(self, ids: Sequence[str]) -> Mapping[str, Problem]:
        """The stored ones of these problems."""
        with self._lock:
            # A label that is no id, such as the reference 42, costs no look into the store.
            unknown = [
                identity for identity in dict.fromkeys(ids) if identity not in self._known and _ID.fullmatch(identity)
            ]
            if unknown:
                stored = {problem.id: problem for problem in self._read(unknown)}
                # None for those that are not stored, so that they are looked up once.
                self._known |= {identity: stored.get(identity) for identity in unknown}
            return {identity: problem for identity in ids if (problem := self._known.get(identity)) is not None}

    @extras_named()
    def _read(self, ids: Sequence[str]) -> list[Problem]:
        from rollmill.storage.workspace import Workspace

        for folder in self._folders:
            try:
                # A trainer must neither repair nor migrate the workspace.
                workspace = Workspace.open(folder, read_only=True)
            except SetupError:
                continue
            with workspace:
                return [] if workspace.unused else workspace.segments.fetch("problems", ids)
        return []
