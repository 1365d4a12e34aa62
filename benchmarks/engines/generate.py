"""Embedded generation: tokens a second at batch 1, 64 and 256; beside transformers' generate and a vLLM server if asked.

    python benchmarks/engines/generate.py [--runs 5] [--threads 0] [--model models/rollmill-tiny]
    python benchmarks/engines/generate.py --beside [--problems 64] [--samples 8] [--turns 5]    # `make vllm` comes first

--beside: the same requests on the same model and machine, by turns, each engine loaded and warmed up before: embedded,
`model.generate` of transformers in every batch size named (its best one counts), and vLLM's server on the CPU, asked by our
engine `openai` with 128 requests under way. By the clock and by processor time of all processes concerned.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.engines.asking import PeerProcess, requests_of, tokens_of
from benchmarks.engines.engines import interpreter, running
from benchmarks.timing import Speed, timed
from rollmill.ground.records import Problem, Request, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize.template import LEVELS
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.roles.engine_roles import Generator

ROOT = Path(__file__).resolve().parents[2]
PEER = Path(__file__).resolve().parents[1] / "peers" / "transformers_generate.py"
BATCHES = (1, 64, 256)
PEER_BATCHES = "16,64,256"
SAMPLES = 8
LEAST_SECONDS = 0.5
SAMPLING = Sampling(max_tokens=200)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--model", default="models/rollmill-tiny")
    parser.add_argument("--beside", action="store_true", help="also transformers and vLLM, by turns")
    parser.add_argument("--without", default="", help="leave out: vllm, transformers")
    parser.add_argument("--peer-batches", default=PEER_BATCHES, help="batch sizes of transformers")
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(beside(options) if options.beside else alone(options), indent=2))


def alone(options: argparse.Namespace) -> dict[str, Any]:
    """The embedded engine by batch size."""
    started = time.perf_counter()
    engine = Embedded(options.model, threads=options.threads)
    fingerprint = dict(engine.fingerprint())
    loaded = time.perf_counter() - started
    speeds = {str(batch): measured(engine, batch, options.runs) for batch in BATCHES}
    return {"load_seconds": round(loaded, 3), "tokens_per_second": speeds, "fingerprint": fingerprint}


def measured(engine: Embedded, batch: int, runs: int) -> dict[str, float]:
    """Median, least and most tokens a second over runs of fresh prompts; a run makes calls until half a second is over."""
    rates = []
    for run in range(runs):
        tokens, seconds, call = 0, 0.0, 0
        while seconds < LEAST_SECONDS:
            requests = requests_for_batch(engine, batch, run * 1000 + call)
            started = time.perf_counter()
            tokens += tokens_of(engine.generate(requests))
            seconds += time.perf_counter() - started
            call += 1
        rates.append(tokens / seconds)
    return {"median": round(statistics.median(rates)), "least": round(min(rates)), "most": round(max(rates))}


def requests_for_batch(engine: Embedded, batch: int, seed: int) -> list[Request]:
    """`batch` requests over all levels: eight samples a problem; at batch 1 one of a problem, its level by turns."""
    samples = min(batch, SAMPLES)
    levels = LEVELS if batch > 1 else (LEVELS[seed % len(LEVELS)],)
    problems = list(Templates(split="heldout", levels=levels).synthesize(max(1, batch // samples), seed))
    return requests_of(engine, problems, samples, SAMPLING, seed=seed)


def beside(options: argparse.Namespace) -> dict[str, Any]:
    """Every way on the same problems, by turns; medians and the ratio of embedded to the best of each of the others."""
    without = options.without.split(",")
    with (
        running("embedded", options.model) as embedded,
        running("openai", options.model, in_flight=128) as server,
        transformers(ROOT / options.model) as peer,
    ):
        ways: dict[str, Callable[[list[Problem], int], int]] = {
            "embedded": lambda ps, at: _drawn(embedded, ps, options, at)
        }
        if "vllm" not in without:
            ways["vllm server"] = lambda ps, at: _drawn(server, ps, options, at)
        if "transformers" not in without:
            for size in map(int, options.peer_batches.split(",")):
                name = f"transformers, batch {size}"
                ways[name] = partial(_by_peer, peer, embedded, options.samples, size)
        turns = [turn(ways, options, at) for at in range(options.turns + 1)]
    return summary(turns[1:])  # the first one warms up


def turn(ways: dict[str, Callable[[list[Problem], int], int]], options: argparse.Namespace, at: int) -> dict[str, Speed]:
    """Each way once, in an order that changes."""
    problems = list(Templates(split="heldout").synthesize(options.problems, 7000 + at))
    names = list(ways)[at % len(ways) :] + list(ways)[: at % len(ways)]
    return {name: timed(partial(ways[name], problems, at)) for name in names}


def _by_peer(peer: Any, embedded: Generator, samples: int, size: int, problems: list[Problem], at: int) -> int:
    del at
    return int(peer([embedded.render(problem.prompt) for problem in problems], samples, size))


def _drawn(engine: Generator, problems: Sequence[Problem], options: argparse.Namespace, seed: int) -> int:
    return tokens_of(engine.generate(requests_of(engine, problems, options.samples, SAMPLING, seed=seed)))


@contextmanager
def transformers(model: Path) -> Iterator[Callable[[list[str], int, int], int]]:
    """Function that asks the peer for samples of each prompt in batches of a size; the peer starts on the first call."""
    started: list[PeerProcess] = []

    def ask(prompts: list[str], samples: int, batch: int) -> int:
        if not started:
            started.append(PeerProcess([str(interpreter()), str(PEER), str(model), str(SAMPLING.max_tokens)]))
        repeated = [prompt for prompt in prompts for _ in range(samples)]
        return int(started[0].ask({"prompts": repeated, "batch": batch}))

    try:
        yield ask
    finally:
        for process in started:
            process.close()


def summary(turns: Sequence[dict[str, Speed]]) -> dict[str, Any]:
    """Medians by way, and how many times the others' speed embedded has, the median over turns."""
    names = sorted(turns[0])
    rates = {name: [turn[name].tokens / turn[name].wall for turn in turns] for name in names}
    cpu = {name: [turn[name].tokens / turn[name].cpu for turn in turns] for name in names}
    return {
        "tokens_per_second": {name: round(statistics.median(rates[name])) for name in names},
        "tokens_per_cpu_second": {name: round(statistics.median(cpu[name])) for name in names},
        "embedded_over": {
            name: {
                "by_the_clock": _times(rates["embedded"], rates[name]),
                "by_processor_time": _times(cpu["embedded"], cpu[name]),
            }
            for name in names
            if name != "embedded"
        },
        "turns": len(turns),
    }


def _times(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


if __name__ == "__main__":
    main()
