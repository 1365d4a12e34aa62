"""The run that `reverify` judges again, opened under the verifiers of today: what changed, and whether that is the answer.

Judges nothing. Any other change than the verifiers' would change rows and is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.identity import unopened_run
from rollmill.flows.job import Job
from rollmill.flows.rejudging.reverify_verdicts import ChainEntry, VerifierChange
from rollmill.flows.session import open_session, read_session, recipe_of, stored_job
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.verify.extract import EXTRACTION
from rollmill.storage.rollouts import Key
from rollmill.storage.runs import BESIDE_RECIPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.flows.rounds import OpenRun, RunSpec
    from rollmill.storage.runs import Run
    from rollmill.storage.workspace import Workspace

_NOT_COMPARED = BESIDE_RECIPE | {"verify"}


@dataclass(frozen=True, slots=True)
class ReverifyTarget:
    """A run as recorded, and as the recipe gives it `today`. `others`: changed verifiers that were not requested."""

    today: "OpenRun"
    run: "Run"
    chain: tuple[ChainEntry, ...]
    others: tuple[str, ...]

    @property
    def spec(self) -> "RunSpec":
        """The run under the verifiers of today."""
        return self.today.spec

    @property
    def workspace(self) -> "Workspace":
        """Workspace of the run's rows."""
        return self.today.workspace

    @property
    def changes(self) -> list[VerifierChange]:
        """The changes that are looked at."""
        return [entry.change for entry in self.chain if entry.change is not None]

    @property
    def before(self) -> tuple[Key, ...]:
        """The verifiers that judged the run."""
        return tuple(entry.old for entry in self.chain)

    @property
    def after(self) -> tuple[Key, ...]:
        """The verifiers that judge it now."""
        return tuple(entry.new for entry in self.chain)


@contextmanager
def open_target(
    root: Path, run_id: str | None, *, sets: Sequence[str] = (), verifier: str | None = None, dry_run: bool = False
) -> "Iterator[ReverifyTarget]":
    """The run (the latest without a name) under the verifiers of today; SetupError if more than those changed.

    `verifier`: the only one whose change counts; the others stay as they judged. `dry_run`: opened for reading only.
    """
    from rollmill.flows.rounds.judging.votes import read_votes
    from rollmill.storage.workspace import Workspace

    with Workspace.open(root) as workspace:
        # The job that a session is opened for is the run's, so the run is looked up first.
        run = workspace.runs.chosen(run_id)
    job = stored_job(run, root)
    job = replace(job, sets=(*job.sets, *sets))
    loaded = recipe_of(job)
    check_same(job, loaded, run)
    # open_session repairs what a killed command left, which a dry run must not do.
    with (read_session if dry_run else open_session)(job) as session, unopened_run(session, loaded) as today:
        # Plans and verdicts are those of the run that exists, judges' votes are charged to it.
        today.bind(run.id)
        today.charge_samplers()
        read_votes(today)
        # Reserved until the caller is done, as it judges with these very instances.
        with today.verifiers.pool.reserve() as installed:
            changes = _changes(today, run)
            chain = [
                _entry(tuple(old), part, change, verifier)
                for old, part, change in zip(run.recipe["resolved"]["verifiers"], installed, changes, strict=True)
            ]
            names = [entry.new[0] for entry in chain]
            if verifier is not None and verifier not in names:
                raise unknown_name("verifier", verifier, names)
            others = tuple(change.name for change in changes if change and verifier not in (None, change.name))
            yield ReverifyTarget(today, run, tuple(chain), others)


def check_same(job: Job, loaded: "LoadedRecipe", run: "Run", apart_from: Collection[str] = _NOT_COMPARED) -> None:
    """SetupError if a key of the recipe other than the verifiers changed since the run: its rows would then differ."""
    now, before = loaded.canonical(), run.recipe
    # Keys of both: one that the recipe lost is a change as well.
    keys = [key for key in {**now, **before} if key not in apart_from and now.get(key) != before.get(key)]
    if keys:
        raise SetupError(
            f"the recipe of run {run.id} has changed since in {', '.join(sorted(keys))}.", next_command=job.command
        )


def _changes(today: "OpenRun", run: "Run") -> list[VerifierChange | None]:
    """The change of every verifier in the recipe's order, None if its version is the same."""
    old = [(name, version) for name, version in run.recipe["resolved"]["verifiers"]]
    new, rules = today.verifiers.chain, today.verifiers.rules()
    if [name for name, _ in old] != [name for name, _ in new]:
        raise SetupError(
            f"run {run.id} was judged by {', '.join(n for n, _ in old)}, the recipe names {', '.join(n for n, _ in new)}.",
            next_command=today.session.job.command,
        )
    others = _with_other_options(today.loaded, run, new)

    def change(before: Key, after: Key) -> VerifierChange:
        return VerifierChange(
            name=after[0],
            old=before[1],
            new=after[1],
            old_rules=today.workspace.verifiers.rules(*before),
            new_rules=rules[after],
            extraction=_extraction(today.workspace, before),
            options_differ=after[0] in others,
        )

    return [None if before == after else change(before, after) for before, after in zip(old, new, strict=True)]


def _extraction(workspace: "Workspace", key: Key) -> set[str]:
    """Extraction rules in this version's verdicts (before the colon), and the names that all verifiers share."""
    rules = workspace.segments.read("verdicts", producer=key[0], version=key[1], columns=("rule",))["rule"].unique()
    # A user's verifier may name its own extraction rules; only its verdicts show which they are.
    return {rule.split(":")[0] for rule in rules.to_pylist() if ":" in rule} | {name for name, *_ in EXTRACTION}


def _with_other_options(loaded: "LoadedRecipe", run: "Run", chain: Sequence[Key]) -> Collection[str]:
    """Names of the verifiers whose options the recipe changed; a new option at its default does not count."""
    names = []
    parts = zip(chain, run.recipe["verify"], loaded.verifiers, loaded.recipe.verify, strict=True)
    for (name, _), before, now, written in parts:
        old: Mapping[str, Any] = before["options"]
        new: Mapping[str, Any] = now.canonical()["options"]
        # An option that the product gained since is in no old record; only one that the recipe writes is a change.
        same = all(key in new and new[key] == old[key] for key in old) and not (written.options.keys() - old.keys())
        if not same or before["method"] != now.name:
            names.append(name)
    return names


def _entry(old: tuple[str, str], part: Any, change: VerifierChange | None, chosen: str | None) -> ChainEntry:
    installed = (part.name, part.version)
    if chosen not in (None, part.name):  # not looked at: its verdicts stay, and it may not even be installed as it was
        return ChainEntry(old, old, None, part if installed == old else None)
    return ChainEntry(old, installed, change, part)
