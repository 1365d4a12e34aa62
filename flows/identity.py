"""Which run of the ledger a job is: the recipe's hash, and what its names stand for today (model, verifiers, problems).

The same recipe under the same resolved parts is the same run and is resumed. A finished run whose model or verifier has
changed since stays as it is and a new generation of it begins (`name-hash8-2`), which reuses every completion that still
counts; an unfinished one is not silently mixed: that is a SetupError. Knows no Prefect.
"""

from itertools import count
from typing import TYPE_CHECKING, Any

from storage.errors import SetupError
from storage.ids import digest128

if TYPE_CHECKING:
    from flows.mill import MillSpec
    from flows.session import Session


def run_name(opened: "Session") -> str:
    """The id of the first run of this recipe; later generations add a number."""
    return f"{opened.loaded.recipe.name}-{opened.loaded.recipe_hash[:8]}"


def resolved_parts(opened: "Session", spec: "MillSpec") -> dict[str, Any]:
    """What decides rows beyond the recipe's text: versions of methods, digests of model and problems."""
    budget, selector = spec.budget, spec.selector
    return {
        "problems": opened.problems.digest,
        "model_digest": None if spec.generator is None else spec.engine().model_digest,
        "imported": _imported_digest(opened) if spec.generator is None else None,
        "verifiers": [list(part) for part in spec.chain()],
        "budget": [budget.name, budget.version],
        "selector": [selector.name, selector.version],
        "scorers": [[part.name, part.version] for part in spec.scorers],
    }


def open_run(opened: "Session", spec: "MillSpec") -> str:
    """Open or resume the run of this job in the ledger and give its id."""
    parts = resolved_parts(opened, spec)
    runs, base = opened.workspace.runs, run_name(opened)
    known = {run.id: run for run in runs.list()}
    for generation in count(1):
        name = base if generation == 1 else f"{base}-{generation}"
        found = known.get(name)
        if found is None or found.recipe["resolved"] == parts:
            break
        if found.status != "done" and runs.rounds(name) and not opened.job.keep_going:
            raise _changed(opened, name, found.recipe["resolved"], parts)
    recipe = opened.loaded.recipe
    runs.open(
        name,
        name=recipe.name,
        recipe={**opened.loaded.canonical(), "resolved": parts, "job": opened.job.data()},
        recipe_hash=opened.loaded.recipe_hash,
    )
    return name


def _changed(opened: "Session", run: str, before: dict[str, Any], now: dict[str, Any]) -> SetupError:
    names = [key for key in now if before.get(key) != now[key]]
    detail = "; ".join(f"{key} was {_short(before.get(key))}, is {_short(now[key])}" for key in names)
    return SetupError(
        f"run {run} is unfinished and began under other parts ({detail}).",
        next_command=f"{opened.job.command} --keep-going to begin it anew (drawn completions are reused), "
        "or bring the earlier parts back",
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_short(item) for item in value)
    return str(value)[:24]


def _imported_digest(opened: "Session") -> str:
    """Identity of the imported completions that answer these problems: importing more is another run."""
    import pyarrow as pa

    connection = opened.workspace.segments.connect()
    try:
        prompts = sorted({problem.prompt_id for problem in opened.problems.problems})
        connection.register("wanted", pa.table({"prompt_id": pa.array(prompts, pa.string())}))
        rows = connection.execute(
            "SELECT DISTINCT id FROM completions WHERE engine = 'imported' "
            "AND prompt_id IN (SELECT prompt_id FROM wanted) ORDER BY id"
        ).fetchall()
    finally:
        connection.close()
    return digest128(["imported", [row[0] for row in rows]])
