"""Identity of a job's run in the ledger: the recipe's hash and the resolved parts (model, verifiers, problems).

The same recipe with the same resolved parts is the same run and is resumed. A finished run whose model or verifier has
changed stays unchanged, and a new generation (`name-hash8-2`) begins. It reuses every completion that is still valid. An
unfinished run whose parts have changed is a SetupError until a person begins the new generation with `--keep-going` or
`reverify --accept`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rollmill.flows.problems import asks_model, make_problems, preview_problems
from rollmill.flows.run_spec import built_run, paid_samplers
from rollmill.flows.taken_imports import digest_of_imports
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import PLAN, plan_of
from rollmill.pipelines.own_jobs import remember_job
from rollmill.pipelines.verify.acceptance import PLAIN
from rollmill.storage.commands import workers_of

if TYPE_CHECKING:
    from rollmill.flows.problems import RecipeProblems
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.flows.rounds import OpenRun, RunSpec
    from rollmill.flows.session import Session
    from rollmill.storage.runs import Run


ENDED = ("done", "dismissed")  # nobody goes on with such a run


@contextmanager
def open_run(session: "Session", loaded: "LoadedRecipe") -> "Iterator[OpenRun]":
    """The run of a recipe, opened or resumed in the ledger, its problems made and stored; closed at the end."""
    began = time.monotonic()
    # The id follows from versions that only the built run knows, so the run is bound afterwards.
    with built_run(session, loaded, problems_of(session, loaded, store=True), began) as run:
        remember_job(session.job.recipe, session.job.sets, session.job.profile)
        run.bind(_open_in_ledger(run))
        yield run


@contextmanager
def unopened_run(session: "Session", loaded: "LoadedRecipe", *, store: bool = False) -> "Iterator[OpenRun]":
    """The run of a recipe, not opened in the ledger; `store`: its problems are stored all the same."""
    with built_run(session, loaded, problems_of(session, loaded, store=store)) as run:
        yield run


def problems_of(session: "Session", loaded: "LoadedRecipe", *, store: bool) -> "RecipeProblems":
    """The problems of a recipe. With `store` a writing model is asked, and charged to the recipe's first run; without, they
    are made from stored texts, and SetupError names missing ones.
    """
    if not store:
        return preview_problems(session.workspace, loaded)
    if not asks_model(loaded):
        return make_problems(session.workspace, loaded)
    with paid_samplers(session, run_name(loaded)) as samplers:
        return make_problems(session.workspace, loaded, samplers)


def run_name(loaded: "LoadedRecipe") -> str:
    """The id of the first run of this recipe; later generations add a number."""
    return f"{loaded.recipe.name}-{loaded.recipe_hash[:8]}"


def resolved_parts(run: "OpenRun") -> dict[str, Any]:
    """Parts beyond the recipe's text that decide the rows: versions of methods, digests of the model and problems."""
    spec = run.spec
    budget, selector = spec.budget, spec.selector
    return {
        "problems": run.spec.problem_set.digest,
        "model_digest": None if spec.takes_imports else run.engine().model_digest,
        "imported": imported_digest(run) if spec.takes_imports else None,
        "verifiers": [list(part) for part in run.verifiers.chain],
        "budget": [budget.name, budget.version],
        "selector": [selector.name, selector.version],
        "scorers": [[part.name, part.version] for part in spec.scorers],
        # Keys that do not apply are left out: the dict is compared whole with what earlier runs recorded.
        **({} if run.spec.problem_set.source is None else {"source": list(run.spec.problem_set.source)}),
        **_examples(run),
        **_policies(spec),
        **_steps(run),
    }


def _examples(run: "OpenRun") -> dict[str, Any]:
    """The worked examples that were taken from a problem set, which may have grown since; nothing for other recipes."""
    if all(step.generate.examples_from is None for step in run.loaded.steps):
        return {}
    return {"examples": digest128([step.form.examples for step in run.spec.steps])}


def _steps(run: "OpenRun") -> dict[str, Any]:
    """Every step with the engine and the digest of its model; nothing for recipes without steps."""
    if not run.spec.names:
        return {}
    engines = [(step.name, run.engine(step.name)) for step in run.spec.drawing]
    return {"steps": [[name, engine.engine, engine.model_digest] for name, engine in engines]}


def _policies(spec: "RunSpec") -> dict[str, Any]:
    """The acceptance policy with its version; nothing for the plain chain, as in runs older than policies."""
    if spec.policies() == (PLAIN,):
        return {}
    return {"policy": [spec.accept.name, spec.accept.version], "planned_under": [spec.planning.name, spec.planning.version]}


def _open_in_ledger(run: "OpenRun") -> str:
    """Open or resume the run in the ledger and give its id."""
    parts = resolved_parts(run)
    name, generations = _generation_of(run, parts)
    # A name that exists is the same recipe with the same parts: it is resumed and nothing can have changed.
    if all(other.id != name for other in generations):
        last = generations[-1] if generations else None
        session, rounds = run.session, run.workspace.runs.rounds
        # A run without a committed round has planned nothing yet that could be mixed.
        if last is not None and last.status not in ENDED and rounds(last.id) and not session.job.keep_going:
            if not imports_alone_changed(last.recipe["resolved"], parts):
                raise _changed_since(session, last, parts)
            session.messages.append(f"its imports changed since run {last.id} ({last.status}): this is run {name}")
    _record(run, name, parts)
    return name


def begin_generation(run: "OpenRun", *, after: str) -> str:
    """The run of this recipe under the parts of today, opened unless it exists; an existing one is resumed.

    `after`: the run whose rows were judged again.
    """
    parts = resolved_parts(run)
    name, generations = _generation_of(run, parts)
    if all(other.id != name for other in generations):
        _record(run, name, parts)
        # So that the next command on the recipe resumes it: `reverify` draws nothing itself.
        run.workspace.runs.finish(name, "interrupted", {"reverified": after})
    return name


def _record(run: "OpenRun", name: str, parts: dict[str, Any]) -> None:
    run.workspace.verifiers.record(run.verifiers.rules(), run.verifiers.words())
    job = run.session.job.data()
    run.workspace.runs.open(
        name,
        name=run.loaded.recipe.name,
        recipe={**run.loaded.canonical(), "resolved": parts, "prefix": run.spec.prefix, "job": job},
        recipe_hash=run.loaded.recipe_hash,
        # The clock of a run that another command works on is running already.
        worked=None if name in workers_of(run.workspace.ledger.leases) else run.elapsed,
    )


def _generation_of(run: "OpenRun", parts: Mapping[str, Any]) -> "tuple[str, list[Run]]":
    """The id of the run of this recipe under these parts, new if there is none; and its runs so far, in order."""
    known = {other.id: other for other in run.workspace.runs.list()}
    generations: list[Run] = []
    name = base = run_name(run.loaded)
    while name in known:
        generations.append(known[name])
        name = f"{base}-{len(generations) + 1}"
    # Any generation, not the last alone: a verifier that is set back resumes the run that it judged.
    return next((other.id for other in generations if other.recipe["resolved"] == parts), name), generations


def imports_alone_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """True if only the imported rollouts changed, perhaps with more problems: no cost is paid twice, verdicts are kept.

    Verifiers that vote on imported rollouts then have a new vote plan, and the plan is part of their version.
    """
    changed = _changed(before, now)
    if "imported" not in changed or not set(changed) <= {"imported", "problems", "verifiers"}:
        return False
    return _without_plan(before["verifiers"]) == _without_plan(now["verifiers"])


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The parts that changed."""
    return [key for key in dict.fromkeys((*now, *before)) if before.get(key) != now.get(key)]


def _without_plan(verifiers: Sequence[Sequence[str]]) -> list[tuple[str, list[str]]]:
    """Verifiers with the parts of their versions, whatever plan they read votes of."""
    marked = [(name, version, f"{PLAN}={plan_of(version)}") for name, version in verifiers]
    return [(name, [part for part in version.split("+") if part != mark]) for name, version, mark in marked]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Old and new value, in words, of each part that changed; of the verifiers, only the changed ones and their changes."""
    changed = _changed(before, now)
    words = {key: f"{key} was {_short(before.get(key))}, is {_short(now.get(key))}" for key in changed}
    if "verifiers" in words:
        sides = [side.get("verifiers") or () for side in (before, now)]
        old, new = ({name: version.split("+") for name, version in verifiers} for verifiers in sides)
        words["verifiers"] = f"verifiers was {_only_in(old, new)}, is {_only_in(new, old)}"
    return words


def _only_in(mine: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]) -> str:
    """The verifiers that the other side has not, each with the parts of its version that the other side has not."""
    own = {name: [part for part in parts if part not in others.get(name, ())] for name, parts in mine.items()}
    words = [f"{name} {'+'.join(parts)}" for name, parts in own.items() if parts or name not in others]
    # Without words: the same verifiers, fewer of them or in another order.
    return ", ".join(words) or ("without it" if len(mine) < len(others) else "in another order")


def _changed_since(session: "Session", last: "Run", now: dict[str, Any]) -> SetupError:
    run = last.id
    changed = differences(last.recipe["resolved"], now)
    names, detail = list(changed), "; ".join(changed.values())
    anew = f"{session.job.command} --keep-going to restart it (drawn completions are reused)"
    again = f"rollmill reverify {run} to see first what the new verifiers change, " if names == ["verifiers"] else ""
    return SetupError(
        f"run {run} is unfinished and began under other parts ({detail}).",
        next_command=f"{again}{anew}, or bring the earlier parts back",
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_short(item) for item in value)
    # Digests are told apart by their first digits.
    return str(value)[:24]


def imported_digest(run: "OpenRun") -> str:
    """Identity of the completions that the run takes (of its imports): importing more of them is another run."""
    from rollmill.flows.rounds.planning.imports import rows_of_imports

    return digest_of_imports(rows_of_imports(run))
