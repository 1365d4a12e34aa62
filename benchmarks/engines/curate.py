"""Curate end to end against the bare engine: same prompts, same sampling, embedded, by turns.

    python benchmarks/engines/curate.py [--problems 128] [--samples 16] [--turns 5]

bare: one call of the engine for all requests, answers dropped. curate: in a new workspace plan, draw, every completion
durable, verifier `number`, every verdict durable, decisions durable. Each turn has problems of its own; the order of the
two changes from turn to turn, and ratios are of the two in one turn, as machines are shared. The engine is loaded before.

`tokens/s` is by the clock, `tokens/cpu s` by the processor time of this process and its children: on a machine that does
other work as well the second is the one to compare. The engine uses every core, so what a run does besides drawing costs
wall time wherever the engine has no idle moment. benchmarks/engines/vllm_engine.py measures the same for vLLM.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.engines.asking import requests_of, tokens_of
from benchmarks.fixed_run import fixed_run
from benchmarks.timing import Speed, timed
from rollmill.flows.recipe.schema import rows_a_batch
from rollmill.flows.rounds import decide, run_all
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.storage.workspace import Workspace

SAMPLING = Sampling(max_tokens=200)
AIM = 0.95


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=512)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=rows_a_batch(SAMPLING.max_tokens))
    options = parser.parse_args()
    engine = Embedded()
    engine.fingerprint()
    turns: list[dict[str, Speed]] = []
    with tempfile.TemporaryDirectory() as folder:
        for at in range(options.turns + 1):  # the first one warms up
            problems = list(Templates(split="heldout").synthesize(options.problems, 3000 + at))
            with Workspace.init(Path(folder) / f"ws{at}") as ws:
                ways: list[tuple[str, Callable[[], int]]] = [
                    ("bare", partial(bare, engine, problems, options.samples)),
                    ("curate", partial(curate, engine, ws, problems, options)),
                ]
                turns.append({name: timed(work) for name, work in (ways if at % 2 else ways[::-1])})
    engine.close()
    print(json.dumps(summary(turns[1:]), indent=2))


def bare(engine: Embedded, asked: Sequence[Problem], samples: int) -> int:
    """The engine alone: the tokens of all answers."""
    ordered = sorted(asked, key=lambda problem: problem.id)
    return tokens_of(engine.generate(requests_of(engine, ordered, samples, SAMPLING, stream="curate")))


def curate(engine: Embedded, ws: Workspace, asked: Sequence[Problem], options: argparse.Namespace) -> int:
    """A whole run in a workspace of its own: the tokens that it drew."""
    asking = {"sampling": SAMPLING, "batch_size": options.batch}
    with fixed_run(ws, asked, lambda: engine, options.samples, shared=True, **asking) as run:
        results = run_all(run)
        decide(run)
    return sum(result.tokens for result in results)


def summary(turns: Sequence[dict[str, Speed]]) -> dict[str, object]:
    """Every turn, and the medians of the ratios against the aim."""
    if any(turn["bare"].tokens != turn["curate"].tokens for turn in turns):
        raise SystemExit("the two drew different tokens")
    walls = [turn["bare"].wall / turn["curate"].wall for turn in turns]
    cpus = [turn["bare"].cpu / turn["curate"].cpu for turn in turns]
    return {
        "turns": [{name: speed.row() for name, speed in turn.items()} for turn in turns],
        "of_bare_by_the_clock": {"median": round(statistics.median(walls), 3), "all": [round(share, 3) for share in walls]},
        "of_bare_by_processor_time": {
            "median": round(statistics.median(cpus), 3),
            "all": [round(share, 3) for share in cpus],
        },
        "aim": AIM,
    }


if __name__ == "__main__":
    main()
