"""Embedded generation speed: tokens a second at batch 1, 64 and 256, the median of several runs.

Run from the checkout: python benchmarks/generate.py [--runs 5] [--threads 0] [--model models/rollmill-tiny]
"""

import argparse
import json
import statistics
import time

from pipelines.generate import Embedded
from pipelines.synthesize.template import LEVELS
from pipelines.synthesize.templates import Templates
from storage.records import Origin, Problem, Request, Sampling, request_for

BATCHES = (1, 64, 256)
SAMPLES = 8
LEAST_SECONDS = 0.5
SAMPLING = Sampling(max_tokens=200)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--model", default="models/rollmill-tiny")
    options = parser.parse_args()
    started = time.perf_counter()
    engine = Embedded(options.model, threads=options.threads)
    fingerprint = dict(engine.fingerprint())
    loaded = time.perf_counter() - started
    speeds = {str(batch): measured(engine, batch, options.runs) for batch in BATCHES}
    print(json.dumps({"load_seconds": round(loaded, 3), "tokens_per_second": speeds, "fingerprint": fingerprint}, indent=2))


def measured(engine: Embedded, batch: int, runs: int) -> dict[str, float]:
    """Median, least and most tokens a second over runs of fresh prompts; a run makes calls until half a second is over."""
    rates = []
    for run in range(runs):
        tokens, seconds, call = 0, 0.0, 0
        while seconds < LEAST_SECONDS:
            requests = asked(engine, batch, run * 1000 + call)
            started = time.perf_counter()
            tokens += sum(one.tokens_out or 0 for one in engine.generate(requests))
            seconds += time.perf_counter() - started
            call += 1
        rates.append(tokens / seconds)
    return {"median": round(statistics.median(rates)), "least": round(min(rates)), "most": round(max(rates))}


def asked(engine: Embedded, batch: int, seed: int) -> list[Request]:
    """`batch` requests over all levels: eight samples a problem; at batch 1 one of a problem, its level by turns."""
    samples = min(batch, SAMPLES)
    levels = LEVELS if batch > 1 else (LEVELS[seed % len(LEVELS)],)
    problems = list(Templates(split="heldout", levels=levels).synthesize(max(1, batch // samples), seed))
    return [request(engine, problem, index, seed) for problem in problems for index in range(samples)]


def request(engine: Embedded, problem: Problem, index: int, seed: int) -> Request:
    """One request at temperature 1."""
    origin = Origin(engine.engine, engine.model_digest, "pilot", seed)
    return request_for(problem, engine.render(problem.prompt), SAMPLING, origin, index)


if __name__ == "__main__":
    main()
