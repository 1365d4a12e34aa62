"""Released outputs of papers, taken into the workspace from a folder that the user names. None of them is in the project.

`recipes/claims/published.yaml` says which files each output is and where they come from. An output whose files are all in
the folder is imported once, under the name `released-<output>`, and its rollouts are judged and kept like any others.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.methods import FileRow, ImportSpec, SetupError, import_problems, import_rollouts
from rollmill_papers.claims.released.generated_tests import counted_asserts, until_stop
from rollmill_papers.claims.released.published import PREFIX, Output, Published, pools_of

if TYPE_CHECKING:
    from rollmill.methods import Workspace

CODET_MODEL = "CodeGen-Mono-16B"
AT_ONCE = 100  # tests of one problem: as many results as the evidence of a verdict holds


def take_outputs(root: Path, folder: Path, published: Published, begin: Callable[[str], None]) -> list[str]:
    """The outputs whose files lie in a folder, each imported unless it is there; SetupError if it holds none."""
    from rollmill.methods import Workspace

    if not folder.is_dir():
        raise SetupError(f"--outputs {folder}: no such folder.")
    outputs = published.outputs.items()
    present = [name for name, output in outputs if all((folder / file).is_file() for file in output.files)]
    if not present:
        files = [", ".join(output.files) for output in published.outputs.values()]
        raise SetupError(f"--outputs {folder} holds the files of no output that is known.", choices=files)
    with Workspace.open(root) as workspace:
        workspace.recover()
        there = {record.name for record in workspace.imports.list() if record.kind == "rollouts"}
        for name in present:
            # One output may be two imports (codet); a kill between them leaves the second one missing.
            if not set(pools_of(name)) <= there:
                begin(f"importing {published.outputs[name].title}")
                _import(workspace, name, folder, published.outputs[name])
    return present


def _import(workspace: "Workspace", name: str, folder: Path, output: Output) -> None:
    files = [folder / file for file in output.files]
    if name == "codet":
        _import_codet(workspace, files)
        return
    spec = ImportSpec(files[-1], PREFIX + name)
    # The first file has the problems, the last one the rollouts; a single file has both.
    if len(files) > 1:
        import_problems(workspace, replace(spec, path=files[0]))
        spec = replace(spec, problems=spec.name)
    import_rollouts(workspace, spec)


def _import_codet(workspace: "Workspace", files: list[Path]) -> None:
    """Import the programs twice: with the tests that decide a task, and with the model's own tests, 100 at once."""
    tasks, solutions, texts = files
    decided, generated = pools_of("codet")
    import_problems(workspace, ImportSpec(tasks, decided))
    spec = ImportSpec(solutions, decided, problems=decided, rows=partial(_programs, tasks, solutions))
    import_rollouts(workspace, spec)
    import_problems(workspace, ImportSpec(texts, generated, rows=partial(_test_problems, tasks, texts)))
    spec = replace(spec, name=generated, problems=generated, rows=partial(_tested_programs, tasks, solutions, texts))
    import_rollouts(workspace, spec)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _programs(tasks: Path, solutions: Path) -> Iterator[FileRow]:
    """Every sample as CodeT cuts it."""
    # The released samples name their task by its prompt alone.
    names = {task["prompt"]: task["task_id"] for task in _lines(tasks)}
    for number, line in enumerate(_lines(solutions), start=1):
        for index, text in enumerate(line["samples"]):
            yield FileRow(f"line {number}", _program(names[line["prompt"]], index, text))


def _program(problem: str, index: int, text: str) -> dict[str, Any]:
    return {"problem_id": problem, "model": CODET_MODEL, "sample_index": index, "text": until_stop(text)}


def _test_problems(tasks: Path, texts: Path) -> Iterator[FileRow]:
    """Each task with the tests that the model wrote for it, a problem for every 100; `counts`: how often it wrote each."""
    known = {task["prompt"]: task for task in _lines(tasks)}
    for number, line in enumerate(_lines(texts), start=1):
        # The prompt for tests is the task's prompt with the words that ask for them behind it.
        task = next(task for prompt, task in known.items() if line["prompt"].startswith(prompt))
        counted = list(counted_asserts(line["samples"], task["entry_point"]).items())
        for first in range(0, len(counted), AT_ONCE):
            part = counted[first : first + AT_ONCE]
            yield FileRow(
                f"line {number}",
                {
                    "id": f"{task['task_id']}/tests-{first // AT_ONCE}",
                    "prompt": task["prompt"],
                    "entry_point": task["entry_point"],
                    "tests": [test for test, _ in part],
                    "counts": [count for _, count in part],
                    "kind": "code",
                },
            )


def _tested_programs(tasks: Path, solutions: Path, texts: Path) -> Iterator[FileRow]:
    """Every different program of a task once for each of the task's test problems, under the index of its first sample."""
    parts: dict[str, list[str]] = {}
    for row in _test_problems(tasks, texts):
        parts.setdefault(row.values["prompt"], []).append(row.values["id"])
    for number, line in enumerate(_lines(solutions), start=1):
        first: dict[str, int] = {}
        for index, text in enumerate(line["samples"]):
            # Equal programs pass the same tests, so one of them is run.
            first.setdefault(until_stop(text), index)
        for problem in parts.get(line["prompt"], []):
            for text, index in first.items():
                yield FileRow(f"line {number}", _program(problem, index, text))
