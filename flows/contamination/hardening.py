"""`rollmill harden`: a benchmark's problems through a transform, as a file that an import takes. Stores nothing else."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.contamination.sources import benchmark_of
from rollmill.ground.errors import FoundWanting, explained, unknown_name
from rollmill.ground.files import json_line
from rollmill.ground.records import MADE, Problem, prompt_json
from rollmill.pipelines.synthesize import TRANSFORMS
from rollmill.storage.workspace import Workspace

_COLUMNS = ("reference", "kind", "source", "licence", "split", "level", "skill", "template")


def harden(root: Path, benchmark: str, transform: str, seed: int, out: Path) -> dict[str, Any]:
    """Write the transformed problems as JSON lines; FoundWanting if the transform can do nothing with any of them."""
    if transform not in TRANSFORMS:
        raise unknown_name("transform", transform, TRANSFORMS)
    with Workspace.open(root) as workspace:
        name, problems = benchmark_of(workspace, benchmark)
    transformed = TRANSFORMS[transform](problems, seed)
    if not transformed:
        raise FoundWanting(
            f"{transform} can do nothing with the problems of {name}: docs/how-to/harden.md says what it needs.",
            next_command=f"--with {', --with '.join(sorted(TRANSFORMS.keys() - {transform}))}",
        )
    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("".join(json_line(_row(problem)) for problem in transformed), encoding="utf-8")
    left = Counter(problem.meta[MADE]["left"] for problem in transformed if "left" in problem.meta[MADE])
    return {"benchmark": name, "problems": len(problems), "made": len(transformed), "left": dict(left), "out": str(out)}


def _row(problem: Problem) -> Mapping[str, Any]:
    """The fields that are not empty, and what `meta` holds as columns of their own, which an import puts back there."""
    fields = {"prompt": prompt_json(problem.prompt), **{name: getattr(problem, name) for name in _COLUMNS}}
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    tests = {"tests": list(problem.tests)} if problem.tests else {}
    return {**{key: value for key, value in problem.meta.items() if value is not None}, **given, **tests}
