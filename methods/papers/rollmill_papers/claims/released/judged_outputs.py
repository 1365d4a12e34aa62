"""Released outputs as published numbers need them: the pool of a judged run, its labels, its generated tests."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rollmill.methods import Ints, NotTestable, Reader, ScopePool, run_scope, scope_pool
from rollmill_papers.claims.released.released_outputs import GeneratedTests, Recorded

CODET, CODET_TESTS = "codet", "codet-tests"
_LABELS = "SELECT id, json_extract_string(meta, '$.is_correct') FROM completions"
_PROGRAMS = """
SELECT p.external_id, p.id, r.sample_index, c.text FROM rollouts r JOIN problems p ON p.id = r.problem_id
JOIN completions c ON c.id = r.completion_id ORDER BY ALL
"""
_TESTED = """
SELECT p.external_id, p.meta, r.sample_index, v.evidence FROM rollouts r JOIN problems p ON p.id = r.problem_id
LEFT JOIN verdicts v ON v.completion_id = r.completion_id AND v.problem_id = r.problem_id AND v.verifier = r.verifier
     AND v.version = r.verifier_version
ORDER BY p.external_id, r.sample_index
"""


def released(root: Path, runs: Mapping[str, str]) -> dict[str, Recorded]:
    """Each output by its name, from the runs that judged it."""
    outputs: dict[str, Recorded] = {}
    with Reader.open(root) as reader:
        for name, run in sorted(runs.items()):
            # The generated tests belong to the programs of `codet` and have no rate of their own.
            if name != CODET_TESTS:
                source = scope_pool(run_scope(reader, run), answers=name != CODET)
                tests = _tests(source, reader, runs[CODET_TESTS]) if name == CODET and CODET_TESTS in runs else {}
                outputs[name] = Recorded(source.pool, _labels(source), tests)
    return outputs


def _labels(source: ScopePool) -> Ints:
    """(n,): the label that came with each row, 1 right, 0 wrong, -1 none."""
    with source.scope.connection("completions") as connection:
        # The label is a JSON value, which DuckDB gives as its text.
        known = {cid: {"true": 1, "false": 0}.get(label, -1) for cid, label in connection.execute(_LABELS).fetchall()}
    return np.array([known.get(cid, -1) for cid in source.completions], dtype=np.int64)


def _tests(source: ScopePool, reader: Reader, run: str) -> dict[str, GeneratedTests]:
    """Results of each problem's programs on the tests that the model wrote; 100 tests make one test problem."""
    with source.scope.connection("rollouts", "problems", "completions") as connection:
        programs = connection.execute(_PROGRAMS).fetchall()
    with run_scope(reader, run).connection("rollouts", "problems", "verdicts") as connection:
        rows = connection.execute(_TESTED).fetchall()
    parts: dict[str, dict[str, tuple[Ints, dict[int, list[int]]]]] = {}
    for name, meta, index, evidence in rows:
        # Test problems are called TASK/tests-0, TASK/tests-1, ...: all of a task make one table.
        task = str(name).rpartition("/")[0]
        counts = np.array(json.loads(meta)["counts"], dtype=np.int64)
        part = parts.setdefault(task, {}).setdefault(str(name), (counts, {}))
        part[1][int(index)] = _passed(evidence, str(name))
    first: dict[tuple[str, str], int] = {}
    tables: dict[str, GeneratedTests] = {}
    by_task: dict[str, list[tuple[str, int, int]]] = {}
    for task, problem, index, text in programs:
        # Only the first of equal programs was run, so its results stand for all of them.
        by_task.setdefault(task, []).append((problem, index, first.setdefault((task, text), index)))
    for task, of in parts.items():
        tables[by_task[task][0][0]] = _table(
            list(of.values()), [shown for _, _, shown in sorted(by_task[task], key=_index)]
        )
    return tables


def _index(row: tuple[str, int, int]) -> int:
    return row[1]


def _table(parts: list[tuple[Ints, dict[int, list[int]]]], shown: list[int]) -> GeneratedTests:
    """All tests of a problem together; `shown`: of each sample the index of the first program with its text."""
    columns = []
    for counts, passed in parts:
        flags = np.zeros((len(shown), len(counts)), dtype=bool)
        for place, index in enumerate(shown):
            flags[place, passed[index]] = True
        columns.append(flags)
    # In one order for tests and counts: column t of `passes` is test t of `counts`.
    return GeneratedTests(np.concatenate(columns, axis=1), np.concatenate([counts for counts, _ in parts]))


def _passed(evidence: str | None, name: str) -> list[int]:
    """The places of the tests that a verdict says were passed; none of a completion without a program."""
    if evidence is None:
        return []
    body = json.loads(evidence)
    # Evidence has a largest size, and tests beyond it would count as failed.
    if body.get("omitted"):
        raise NotTestable(f"{name}: the evidence of a verdict leaves out {body['omitted']} of its tests")
    return [int(row["i"]) for row in body["tests"] if row["status"] == "passed"]
