"""Lives of one recipe on the shipped model, each under other circumstances: what they are and what they leave.

A life may be cut short any number of times before its last command: by the engine after some completions, by an error at
any point where something becomes durable, or, as `python -m tests.flows.rounds.together.invariance FOLDER LIFE`, by a real
SIGKILL.
"""

import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import DecisionReport, OpenRun, QueueLimits, RunSpec, decide, run_all
from rollmill.flows.sampling.steps import Step
from rollmill.ground import failpoints
from rollmill.ground.records import Completion, Problem, Prompt, Request, Sampling
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.select.quota import Quota
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.protocols import Budget
from rollmill.steps.graph import root
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import ToyRun
from tests.tied import tied

Break = tuple[Literal["engine", "point"], int]
SAMPLING = Sampling(max_tokens=60)
BUDGETS: Mapping[str, Budget] = {"fixed": Fixed(initial=8), "uniform": DarsUniform(initial=4, target=1, cap=8)}
SMALLER = Fixed(initial=4)


@dataclass(frozen=True)
class Life:
    """Everything that must change neither rows nor hash. `grown`: the recipe first asked for 4 samples of some problems.

    `breaks`: for each command but the last, after how many completions the engine fails, or at which failpoint it ends.
    """

    budget: str = "fixed"
    order: int = 0
    batch: int = 256
    threads: int = 1
    judges: int = 1
    open_batches: int = 2
    grown: int = 0
    breaks: tuple[Break, ...] = ()


class Broken(Exception):  # noqa: N818 - not an error of ours
    """The end of a command that a test wanted."""


def problems() -> list[Problem]:
    """Six problems of three levels, the same ones always."""
    return list(Templates(split="heldout", levels=(1, 2, 4)).synthesize(6, 3))


@dataclass
class Breaking:
    """The embedded engine, shared and never closed, that fails after `after` completions."""

    inner: Embedded
    after: int | None = None
    engine: str = "embedded"
    spooled: bool = False

    def __post_init__(self) -> None:
        self.model, self.model_digest = self.inner.model, self.inner.model_digest

    def fingerprint(self) -> Mapping[str, str]:
        return self.inner.fingerprint()

    def render(self, prompt: Prompt) -> str:
        return self.inner.render(prompt)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for completion in self.inner.generate(requests):
            if self.after is not None:
                self.after -= 1
                if self.after < 0:
                    raise Broken("the engine failed")
            yield completion

    def close(self) -> None:
        """It is another test's as well."""


def spec_of(life: Life, engine: Breaking, run: str, asked: Sequence[Problem], budget: Budget) -> ToyRun:
    return ToyRun(
        RunSpec(
            problem_set=RecipeProblems.of(asked),
            steps=[Step(root(), lambda: engine, SAMPLING, batch_size=life.batch)],
            verifiers=(VERIFIERS["number"],),
            budget=budget,
            selector=Quota(per_problem=2),
            recipe_seed=5,
            limits=QueueLimits(life.open_batches, life.open_batches + 1, life.judges, lease_seconds=1.0, poll_seconds=0.01),
        ),
        run,
    )


def command(folder: Path, life: Life, engine: Breaking) -> dict[str, Any]:
    """One command of a life: the smaller recipe it grew from, then the recipe; what it leaves."""
    asked = problems()
    random.Random(life.order).shuffle(asked)
    with (Workspace.open if (folder / "rollmill.toml").exists() else Workspace.init)(folder) as ws:
        ws.recover()
        for run in ("small", "whole"):
            ws.runs.open(run, name=run, recipe={}, recipe_hash=run)
        if life.grown:
            with spec_of(life, engine, "small", asked[: life.grown], SMALLER).open(ws) as small:
                run_all(small)
        with spec_of(life, engine, "whole", asked, BUDGETS[life.budget]).open(ws) as spec:
            run_all(spec)
            return left(ws, spec, decide(spec))


def left(ws: Workspace, spec: OpenRun, report: DecisionReport) -> dict[str, Any]:
    """The content hash and every row with all its fields but those that tell when and in which batch."""
    plan = [row for rows in ws.runs.plans(spec.id) for row in rows]
    tables = {kind: ws.segments.read(kind) for kind in ("completions", "verdicts")}
    decisions = to_table("decisions", report.decisions)
    snapshot = Snapshot(
        "x", to_table("problems", spec.spec.problems), tables["completions"], tables["verdicts"], decisions=decisions
    )
    rows = {kind: sorted(map(_plain, table.to_pylist())) for kind, table in (*tables.items(), ("decisions", decisions))}
    planned = sorted((row.round, row.problem_id, row.sample_index, row.completion_id) for row in plan)
    return {"hash": content_hash(snapshot), "plan": json.loads(json.dumps(planned)), **rows}


def _plain(row: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in row.items() if name != "seconds"}, sort_keys=True)


def lived(folder: Path, life: Life, engine: Embedded) -> dict[str, Any]:
    """All commands of a life in this process; what the last one leaves."""
    for how, after in life.breaks:
        failing = Breaking(engine, after if how == "engine" else None)
        try:
            with mock.patch.object(failpoints, "hit", _ending(after) if how == "point" else failpoints.hit):
                command(folder, life, failing)
        except Broken:
            continue
    return command(folder, life, Breaking(engine))


def _ending(turn: int) -> Any:
    """A failpoint that raises at its `turn`-th hit, whatever its name."""
    left_over = [turn]

    def hit(name: str) -> None:
        left_over[0] -= 1
        if left_over[0] == 0:
            raise Broken(name)

    return hit


def main() -> None:
    """One command of a life in this process, to be killed; prints what it leaves."""
    life = Life(**json.loads(sys.argv[2]))
    engine = Embedded(threads=life.threads)
    sys.stdout.write(json.dumps(command(Path(sys.argv[1]), life, Breaking(engine))))


def arguments(folder: Path, life: Life) -> list[str]:
    """The command line of `main`."""
    return tied(sys.executable, "-m", "tests.flows.rounds.together.invariance", str(folder), json.dumps(asdict(life)))


if __name__ == "__main__":
    main()
