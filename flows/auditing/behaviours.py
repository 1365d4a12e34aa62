"""Audit of behaviour keys: how many programs of a run have equal keys and still differ on inputs that no key saw."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Mode, Sandbox, SandboxFailed, check_sandbox, limits_of
from rollmill.pipelines.verify.code.behaviour import behaviour_inputs, behaviour_key, fresh_inputs
from rollmill.pipelines.verify.code.code_verifier import code_text
from rollmill.pipelines.verify.code.program import program_of, task_of
from rollmill.pipelines.verify.code.suite import BadTestsError, suite_of
from rollmill.pipelines.verify.finding import prompt_text, worker_count
from rollmill.stats import cluster_share
from rollmill.storage.queries import Reader, named_scope
from rollmill.storage.queries.browse.problems import problem_detail, whole_problems
from rollmill.storage.queries.pools import scope_pool

COLLIDE = "share of pairs of different programs with one key that differ on fresh inputs"


@dataclass(frozen=True, slots=True)
class BehaviourAuditRequest:
    """Request of one command. `inputs`: those of a key; `fresh`: those on which equal keys are tested."""

    root: Path
    name: str
    inputs: int = 20
    fresh: int = 80
    seed: int = 0
    sandbox: Mode = "strict"
    cpu_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class KeyedPrograms:
    """Counts for one problem: distinct programs, distinct keys, pairs of programs with equal keys, and those of these pairs
    that differ on fresh inputs.
    """

    problem: Problem
    programs: int
    keys: int
    pairs: int
    differing: int


def behaviour_audit(request: BehaviourAuditRequest) -> dict[str, Any]:
    """Collisions of keys with their interval over templates, and the executions that equal keys save, as JSON values."""
    if min(request.inputs, request.fresh) < 1:
        raise SetupError(f"--inputs {request.inputs}, --fresh {request.fresh}: both are at least 1.")
    check_sandbox(request.sandbox)
    workers = worker_count(None)
    limits = limits_of(request.cpu_seconds, 512)
    with Reader.open(request.root) as reader, Sandbox(request.sandbox, limits, workers) as box:
        asked = list(_programs(reader, request.name))
        # Threads suffice, because the programs run in processes of the sandbox.
        with ThreadPoolExecutor(workers) as threads:
            keyed = [row for row in threads.map(lambda part: _keyed(box, request, *part), asked) if row is not None]
    if not keyed:
        raise SetupError(
            f"{request.name} has no problem of programs whose tests or prompt show a call of its function.",
            next_command="name a run whose problems have `meta.entry_point` and tests",
        )
    rate = cluster_share(
        [float(row.differing) for row in keyed],
        [float(row.pairs) for row in keyed],
        [row.problem.template or row.problem.id for row in keyed],
        estimand=COLLIDE,
    )
    programs, keys = sum(row.programs for row in keyed), sum(row.keys for row in keyed)
    return {
        "name": request.name,
        "inputs": request.inputs,
        "fresh": request.fresh,
        "problems": len(keyed),
        "programs": programs,
        "keys": keys,
        "saved": (programs - keys) / programs if programs else 0.0,
        "pairs": sum(row.pairs for row in keyed),
        "differing": sum(row.differing for row in keyed),
        "collisions": None if rate is None else asdict(rate),
    }


def _programs(reader: Reader, name: str) -> Iterator[tuple[Problem, str, list[str]]]:
    """Each problem of programs with its function and the different programs of its completions."""
    scope = named_scope(reader, name)
    if scope is None:
        raise SetupError(f"{name} is no run and no dataset version.", next_command="rollmill runs list")
    source = scope_pool(scope, answers=False)
    for problem in whole_problems(scope, source.pool.problems).values():
        try:
            entry_point = suite_of(problem).entry_point
        except BadTestsError:
            continue
        if entry_point is None:
            continue
        task = task_of(prompt_text(problem.prompt), entry_point)
        detail = problem_detail(scope, problem.id)
        texts: Sequence[Completion] = [row.completion for row in detail.rollouts if row.completion is not None]
        # Only the code counts: equal programs with other words around them are one.
        written = (program_of(code_text(text), task) for text in texts)
        # Each text once, because copies are pairs that cannot differ; sorted, so that the audit repeats.
        yield problem, entry_point, sorted({program.text for program in written if program is not None})


def _keyed(
    box: Sandbox, request: BehaviourAuditRequest, problem: Problem, entry_point: str, programs: Sequence[str]
) -> KeyedPrograms | None:
    """The keys of a problem's programs on both sets of inputs; None for a problem without inputs or programs."""
    inputs = behaviour_inputs(problem, entry_point, request.inputs, seed=request.seed)
    # Another seed: the key's own would generate its inputs again, all of which are left out.
    fresh = fresh_inputs(problem, entry_point, inputs, request.fresh, seed=request.seed + 1)
    if not inputs or not fresh or not programs:
        return None
    try:
        keys = [(behaviour_key(box, text, entry_point, inputs), text) for text in programs]
        known = [(key, behaviour_key(box, text, entry_point, fresh)) for key, text in keys if key is not None]
    # The sandbox failed and no program did, so the problem is left out.
    except SandboxFailed:
        return None
    sizes, same = Counter(key for key, _ in known), Counter(known)
    # n programs of one key are n(n - 1)/2 pairs; those equal on both sets of inputs do not collide.
    pairs, equal = (sum(count * (count - 1) // 2 for count in counts.values()) for counts in (sizes, same))
    return KeyedPrograms(problem, len(known), len(sizes), pairs, pairs - equal)
