"""A run and its recipe of today, side by side: what changed, and whether judging again is the answer. Judges nothing."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.identity import unopened_run
from flows.job import Job
from flows.rejudging.reverify_renew import Seat
from flows.rejudging.reverify_rules import Change
from flows.session import open_session, read_session
from pipelines.verify.extract import RULES as EXTRACTION
from storage.errors import SetupError, unknown_name
from storage.rollouts import Key
from storage.runs import BESIDE_RECIPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.rounds import OpenRun, RunSpec
    from flows.session import RecipeRun, Session
    from storage.runs import Run
    from storage.workspace import Workspace

_NOT_COMPARED = BESIDE_RECIPE | {"verify"}


@dataclass(frozen=True, slots=True)
class RunAgain:
    """An open run with a seat per verifier. `others`: names of verifiers that changed too and were not asked for."""

    recipe_run: "RecipeRun"
    run: "Run"
    seats: tuple[Seat, ...]
    others: tuple[str, ...]

    @property
    def spec(self) -> "RunSpec":
        """The run under the verifiers of today."""
        return self.recipe_run.spec

    @property
    def open(self) -> "OpenRun":
        """What it holds open."""
        return self.recipe_run.open

    @property
    def workspace(self) -> "Workspace":
        """Where its rows are."""
        return self.recipe_run.workspace

    @property
    def changes(self) -> list[Change]:
        """The changes that are looked at."""
        return [seat.change for seat in self.seats if seat.change is not None]

    @property
    def before(self) -> tuple[Key, ...]:
        """The verifiers that judged the run."""
        return tuple(seat.old for seat in self.seats)

    @property
    def after(self) -> tuple[Key, ...]:
        """The verifiers that judge it now."""
        return tuple(seat.new for seat in self.seats)


@contextmanager
def opening(
    root: Path,
    run_id: str | None,
    *,
    sets: Sequence[str] = (),
    verifier: str | None = None,
    looking: bool = False,
) -> "Iterator[RunAgain]":
    """The run (the latest without a name) under the verifiers of today; SetupError where more than those changed.

    `looking`: nothing is put right on the way.
    """
    from storage.workspace import Workspace

    with Workspace.open(root) as workspace:
        run = workspace.runs.chosen(run_id)
    job = Job.of_run(run.recipe["job"], root)
    job = replace(job, sets=(*job.sets, *sets))
    with (read_session if looking else open_session)(job) as session:
        _check_same(session, run)
        with unopened_run(session) as recipe_run:
            opened = recipe_run.open
            opened.spec = replace(opened.spec, run=run.id)
            opened.charge_samplers(session.workspace)
            with opened.verifying() as installed:
                found = _changes(session, opened, run)
                seats = [
                    _seat(tuple(old), part, change, verifier)
                    for old, part, change in zip(run.recipe["resolved"]["verifiers"], installed, found, strict=True)
                ]
                if verifier is not None and verifier not in [seat.new[0] for seat in seats]:
                    raise unknown_name("verifier", verifier, [seat.new[0] for seat in seats])
                left = tuple(change.name for change in found if change and verifier not in (None, change.name))
                yield RunAgain(recipe_run, run, tuple(seats), left)


def _check_same(session: "Session", run: "Run") -> None:
    """What changed besides the verifiers would change rows too: that is another run, not the same rows judged again."""
    now, before = session.loaded.canonical(), run.recipe
    keys = [key for key in {**now, **before} if key not in _NOT_COMPARED and now.get(key) != before.get(key)]
    if keys:
        raise SetupError(
            f"the recipe of run {run.id} has changed since in {', '.join(sorted(keys))}.", next_command=session.job.command
        )


def _changes(session: "Session", opened: "OpenRun", run: "Run") -> list[Change | None]:
    """The change of every verifier in the recipe's order, None where its version is the same."""
    old = [(name, version) for name, version in run.recipe["resolved"]["verifiers"]]
    new, rules = opened.chain(), opened.rules()
    if [name for name, _ in old] != [name for name, _ in new]:
        raise SetupError(
            f"run {run.id} was judged by {', '.join(n for n, _ in old)}, the recipe names {', '.join(n for n, _ in new)}.",
            next_command=session.job.command,
        )
    others = _other_options(session, run, new)

    def change(before: Key, after: Key) -> Change:
        return Change(
            name=after[0],
            old=before[1],
            new=after[1],
            old_rules=session.workspace.verifiers.rules(*before),
            new_rules=rules[after],
            extraction=_extraction(session.workspace, before),
            options_differ=after[0] in others,
        )

    return [None if before == after else change(before, after) for before, after in zip(old, new, strict=True)]


def _extraction(workspace: "Workspace", key: Key) -> set[str]:
    """What stands before the colon in this version's verdicts, and the names that all verifiers share."""
    rules = workspace.segments.read("verdicts", producer=key[0], version=key[1], columns=("rule",))["rule"].unique()
    return {rule.split(":")[0] for rule in rules.to_pylist() if ":" in rule} | {name for name, _ in EXTRACTION}


def _other_options(session: "Session", run: "Run", chain: Sequence[Key]) -> Collection[str]:
    """Names of the verifiers whose options the recipe changed; a new option at its default is none."""
    found = []
    parts = zip(chain, run.recipe["verify"], session.loaded.verifiers, session.loaded.recipe.verify, strict=True)
    for (name, _), before, now, written in parts:
        old: Mapping[str, Any] = before["options"]
        new: Mapping[str, Any] = now.canonical()["options"]
        same = all(key in new and new[key] == old[key] for key in old) and not (written.options.keys() - old.keys())
        if not same or before["method"] != now.name:
            found.append(name)
    return found


def _seat(old: tuple[str, str], part: Any, change: Change | None, chosen: str | None) -> Seat:
    installed = (part.name, part.version)
    if chosen not in (None, part.name):
        return Seat(old, old, None, part if installed == old else None)
    return Seat(old, installed, change, part)
