"""Speed of a run: rows per second end to end and durable, and its overhead over the bare engine.

    python benchmarks/runs/rounds.py --rows 20000                        # an engine that costs nothing
    python benchmarks/runs/rounds.py --rows 2048 --engine embedded       # the shipped model

The bare engine answers the same requests in the same batches and throws its answers away. The run plans, draws, commits,
judges with verifier `number`, commits, decides and commits. A second run over the finished workspace shows what a
resume costs that has nothing to do. `leases` is what one lease per batch costs, `leases_with_claims` the same with
claims on the completions, which make two recipes at once draw none twice; in a run they are let go of within a commit.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.fixed_run import fixed_run
from rollmill.flows.rounds import OpenRun, decide, plan_round, run_all
from rollmill.flows.rounds.drawing.batches import batches_of, requests_of
from rollmill.ground.records import Problem, Request, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.storage.workspace import Workspace
from tests.toys import Toy

T = TypeVar("T")
SAMPLES = 8
FILLER = "So we add the parts one after another and write down what is left over. " * 8


class ZeroCost(Toy):
    """An engine that answers at once with 600 characters and a number from its seed."""

    def answer(self, request: Request) -> Mapping[str, Any]:
        """The same filler for all."""
        return {"text": f"{FILLER}The answer is {request.seed % 5}.", "tokens_out": 150}


ENGINES: Mapping[str, Callable[[], Any]] = {"zero": ZeroCost, "embedded": Embedded}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="zero")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, Workspace.init(Path(folder)) as ws:
        problems = _problems(options.engine, max(1, options.rows // SAMPLES))
        engine, sampling = ENGINES[options.engine], Sampling(max_tokens=200)
        with fixed_run(ws, problems, engine, SAMPLES, sampling=sampling, batch_size=options.batch) as run:
            print(json.dumps(measure(run), indent=2))


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and CPU seconds (of all threads of this process) of a part."""

    seconds: float
    cpu: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.cpu + other.cpu)

    def row(self) -> dict[str, float]:
        """As printed."""
        return {"seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu, 3)}


def measure(run: OpenRun) -> dict[str, Any]:
    """Cost of each part and rows per second; memory is the peak of this process."""
    planning, rows = _timed(lambda: plan_round(run, 0) or [])
    bare, tokens = _timed(lambda: _bare(run, rows))
    drawing, _ = _timed(lambda: run_all(run))
    deciding, _ = _timed(lambda: decide(run))
    leasing, claiming = (_timed(lambda: _lease(run, rows, claim=claim))[0] for claim in (False, True))  # noqa: B023
    resuming, _ = _timed(lambda: (run_all(run), decide(run)))
    whole = planning + drawing + deciding
    return {
        "rows": len(rows),
        "tokens": tokens,
        "plan": planning.row(),
        "bare_engine": bare.row(),
        "draw_and_judge": drawing.row(),
        "leases": leasing.row(),
        "leases_with_claims": claiming.row(),
        "claims_share_of_cpu": round((claiming.cpu - leasing.cpu) / drawing.cpu, 4),
        "decide": deciding.row(),
        "resume_with_nothing_to_do": resuming.row(),
        "rows_per_second_end_to_end": round(len(rows) / whole.seconds, 1),
        "rows_per_cpu_second_end_to_end": round(len(rows) / whole.cpu, 1),
        "ratio_to_bare_engine": round(whole.seconds / bare.seconds, 3),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _bare(run: OpenRun, rows: Sequence[Any]) -> int:
    engine = run.engine()
    tokens = 0
    for batch in batches_of(run, rows):
        for completion in engine.generate(list(requests_of(run, batch.rows))):
            tokens += completion.tokens_out or 0
    return tokens


def _lease(run: OpenRun, rows: Sequence[Any], *, claim: bool) -> None:
    """The lease of each batch, with or without a claim on its completions."""
    for batch in batches_of(run, rows):
        ids = batch.completion_ids if claim else ()
        lease = run.workspace.ledger.leases.acquire(f"claim/{batch.id}", claim=ids)
        assert lease is not None
        with lease:
            assert len(lease.claimed) == len(ids)
            if claim:
                with run.workspace.ledger.write(durable=False) as session:
                    run.workspace.ledger.leases.release_claims(session, lease)


def _problems(engine: str, count: int) -> list[Problem]:
    if engine == "embedded":
        return list(SYNTHESIZERS["templates"]().synthesize(count, 7))
    return [Problem(prompt=f"What is {number} modulo 5?", reference=str(number % 5)) for number in range(count)]


def _timed(work: Callable[[], T]) -> tuple[Cost, T]:
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Cost(time.perf_counter() - began, time.process_time() - cpu), result


if __name__ == "__main__":
    main()
