"""A recipe whose version stands as published: found before engines, gate, held-out index and Prefect are loaded.

A finished run leaves a mark in the workspace: the digest of all that its outcome followed from. An equal digest means an
equal outcome, which the ledger has. Whatever is in doubt takes every stage again, and a new mark is left at its end.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import Outcome
from rollmill.flows.job import Job
from rollmill.flows.problem_sets import source_digest
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.methods import DIGEST, PACKAGE, MethodSpec
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.user_files import TEMPLATES, parts_with, texts_in
from rollmill.flows.session import with_places
from rollmill.ground.errors import SetupError
from rollmill.ground.files import write_text
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.roles.protocols import ReadsVotes
from rollmill.storage.artifacts.layout import derived
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun


def unchanged(job: Job, loaded: LoadedRecipe) -> Outcome | None:
    """The outcome of a recipe that would draw, decide and publish nothing; None if it has to be found out."""
    began = time.monotonic()
    with Workspace.open(Path(job.workspace)) as workspace, suppress(FileNotFoundError):
        run, _, digest = _mark(workspace, loaded).read_text(encoding="utf-8").partition(" ")
        last = next((last for last in workspace.runs.list() if last.id == run and last.status == "done"), None)
        if last is not None and last.published and digest == _digest(workspace, job, loaded, last.summary):
            return {**_again(last.summary), "seconds": round(time.monotonic() - began, 1)}
    return None


def leave_mark(run: "OpenRun", outcome: Outcome) -> None:
    """Write down what the outcome of a finished run followed from; a mark that cannot be written only costs time."""
    session = run.session
    path = _mark(session.workspace, run.loaded)
    with suppress(OSError, SetupError):
        digest = _digest(session.workspace, session.job, run.loaded, outcome)
        if digest is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, f"{run.id} {digest}")


def _mark(workspace: Workspace, loaded: LoadedRecipe) -> Path:
    return workspace.state / "done" / loaded.recipe_hash


def _again(outcome: Outcome) -> Outcome:
    """The outcome of the same command with nothing to do."""
    spent, ref = outcome["spent"], f"{outcome['dataset']}@v{outcome['version']}"
    stored = spent["reused"] + spent["drawn"] + spent["redundant"]
    nothing = {"drawn": 0, "judged": 0, "redundant": 0, "tokens": 0, "cost": 0.0, "seconds": 0.0}
    message = f"unchanged: {ref} ({outcome['content_hash'][:8]}) follows from this recipe as it stands; nothing was done."
    again = {"created": False, "spent": {**spent, **nothing, "reused": stored}, "messages": [message]}
    return {**outcome, **again}


def _digest(workspace: Workspace, job: Job, loaded: LoadedRecipe, outcome: Outcome) -> str | None:
    """The digest of everything that the outcome follows from; None where some of it is not known without the stages."""
    if _in_doubt(loaded) or (stored := _stored(workspace, outcome["run"])) is None:
        return None
    recipe = loaded.canonical()
    versions = [[method.name, built_version(method)] for method in methods_of(loaded) if method.role != "engine"]
    profile = load_profile(Path(job.profile) if job.profile else None).model_dump(mode="json")
    files = sorted({*named_files(loaded, workspace), *_version_files(workspace, outcome)})
    parts = [job.data(), recipe, profile, versions, program(), [_stamp(path) for path in files], stored]
    return sha256_text(canonical_json(parts))


def built_version(method: MethodSpec) -> str:
    """The version of a method as built on this machine, whose tools may be part of it."""
    built = method.build()
    if method.role == "verifier":
        built.close()
    return str(built.version)


def methods_of(loaded: LoadedRecipe) -> list[MethodSpec]:
    """Every method that a recipe names, its engines last."""
    every = [loaded.synthesizer, loaded.budget, loaded.selector, loaded.accept, loaded.planned_under, *loaded.verifiers]
    every += [*loaded.scorers, *(part.method for part in loaded.evaluation), *loaded.engines()]
    return [method for method in every if method is not None]


def _in_doubt(loaded: LoadedRecipe) -> bool:
    """True with code of the user's own, which may read anything, or where models or other versions decide what is asked.

    A verifier of the user's own concluded before, under its version: only its file has to be the same.
    """
    done_anew = {key: part for key, part in loaded.canonical().items() if key != "verify"}
    own = next(parts_with(done_anew, lambda part: DIGEST in part or PACKAGE in part), None)
    methods = methods_of(loaded)
    asked = any(method.reaches_out or method.takes_source or issubclass(method.cls, ReadsVotes) for method in methods)
    templates = any(":" in str(name) for method in methods for name in method.options.get(TEMPLATES) or ())
    given = any(step.generate.examples_from is not None for step in loaded.steps)
    return (
        own is not None
        or asked
        or templates
        or given
        or loaded.recipe.problems.version is not None
        or loaded.cell is not None
    )


def _stored(workspace: Workspace, run: str) -> list[Any] | None:
    """The rows of the run as the ledger has them; None if a segment is missing or short, or a publication unfinished."""
    from rollmill.storage.ledger.run_state import run_state, segment_files

    files = segment_files(workspace.ledger)
    sizes = workspace.place.sizes((kind, segment) for kind, segment, _ in files)
    whole = all(sizes.get(segment) == size for _, segment, size in files)
    unfinished = next(chain((workspace.state / "publishing").glob("*.json"), workspace.datasets.glob("*/.partial-*")), None)
    return run_state(workspace.ledger, run) if whole and unfinished is None else None


def _version_files(workspace: Workspace, outcome: Outcome) -> Iterator[Path]:
    """The files of the published version but derived ones, of its dataset's index, and of the recipe's reports."""
    folder = Path(outcome["path"])
    local = derived(path.name for path in folder.iterdir()) if folder.is_dir() else set()
    yield from (
        folder,
        *(path for path in folder.rglob("*") if path.name not in local),
        folder.with_name(f"{folder.name}.dvc"),
        workspace.root / ".dvc",
    )
    yield from (folder.parent / "index.json", folder.parent / "manifests" / f"{folder.name}.json")
    yield from (workspace.root / "reports" / outcome["recipe"]).glob("*.json")


def named_files(loaded: LoadedRecipe, workspace: Workspace) -> Iterator[Path]:
    """Files that a recipe names, and those of its engines' models."""
    for engine in loaded.engines():
        for text in with_places(engine, workspace.root).options.values():
            if isinstance(text, str) and len(text) < 4096 and Path(text).is_absolute():
                yield from (Path(text), *Path(text).rglob("*"))
    for value in texts_in(loaded.canonical()):
        for folder in (loaded.base, workspace.root):
            with suppress(OSError, ValueError):
                if (path := folder / value).is_file():
                    yield path


def _stamp(path: Path) -> list[Any]:
    """Place, size and time of a file, or that there is none; of a folder that it is there."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return [str(path)]
    return [str(path), path.is_dir() or [stat.st_size, stat.st_mtime_ns]]


@cache
def program() -> list[Any]:
    """The product's source, and the names and versions of all packages beside it, as this process first asked: code that
    changes during a run is not what the run followed from.
    """
    packages = sorted({path.name for place in sys.path for path in Path(place).glob("*.dist-info")})
    return [source_digest(), packages, sys.version]
