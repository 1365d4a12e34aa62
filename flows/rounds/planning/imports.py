"""Imported completions that a run plans: those of its problems, in the imports that its recipe names."""

import json
from collections.abc import Iterator

from flows.rounds.open_run import OpenRun
from storage.imports.stored import imported_rows


def of_imports(run: OpenRun) -> Iterator[tuple[str, str, int, int]]:
    """(problem, completion, sample index, seed) of imported completions.

    One that names its problem belongs to that problem; if it names none of this recipe's (its reference was repaired
    since), to every problem with the same prompt; if it names one that the recipe left out, to none.
    """
    by_prompt: dict[str, list[str]] = {}
    for problem in run.spec.problems:
        by_prompt.setdefault(problem.prompt_id, []).append(problem.id)
    taken = imported_rows(run.workspace, run.spec.imports, sorted(by_prompt), run.spec.left_out)
    for cid, prompt_id, index, seed, meta in taken:
        candidates = by_prompt[prompt_id]
        named = json.loads(meta or "{}").get("problem_id")
        for problem_id in [named] if named in candidates else candidates:
            yield problem_id, cid, index, seed or 0
