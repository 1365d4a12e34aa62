"""Overhead of the engine `vllm` over the bare vLLM: tokens per second of the same prompts, seeds and sampling, in turns.

    python benchmarks/engines/vllm_engine.py [--problems 64] [--samples 16] [--turns 3] [--python .venv-vllm/bin/python]
        [--model models/rollmill-tiny] [--dtype float32] [--gpu-memory 0.4]

bare: vllm.LLM.generate, one call for all. engine: the engine with its child, answers dropped. run: all that `curate` does
after the start: plan, draw, every answer durable, segments, verifier `number`, verdicts. Both engines are loaded once and
stay; loading counts for nobody. Ratios are of turns next to each other, as machines are shared; one engine works at a time.
Beside each rate stand the processor seconds of the host, our engine and the bare one, which know no neighbours.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from benchmarks.engines.asking import PeerProcess, requests_of, tokens_of
from benchmarks.fixed_run import fixed_run
from rollmill.flows.recipe.profile import VllmPart
from rollmill.flows.rounds import run_all
from rollmill.flows.run_spec import draw_workers as side_by_side
from rollmill.ground.records import Problem, Request, Sampling
from rollmill.pipelines.generate.vllm.engine import Vllm
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.roles.engine_roles import Generator
from rollmill.storage.workspace import Workspace

BARE = Path(__file__).resolve().parents[1] / "peers" / "bare_vllm.py"
MODEL = str(Path(__file__).resolve().parents[2] / "models" / "rollmill-tiny")
ENV = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
SAMPLING = Sampling(max_tokens=200)
BATCH = 256
TOGETHER = {"max_num_seqs": 256, "max_num_batched_tokens": 4096}  # of both engines


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--python", default=None)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--gpu-memory", type=float, help="share of the GPU's memory for each of both engines")
    options = parser.parse_args()
    share = options.gpu_memory
    part = VllmPart(python=options.python, enforce_eager=True, gpu_memory_utilization=share, env=ENV, **TOGETHER)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = part.settings(place / "vllm.log")
        engine = cast("Generator", Vllm(options.model, dtype=options.dtype, vllm=settings))  # its digest is read-only
        turns = [problems(options.problems, turn) for turn in range(options.turns + 1)]  # the first one warms up
        requests = [requests_of(engine, turn, options.samples, SAMPLING) for turn in turns]
        own = {"model": options.model, "dtype": options.dtype}
        own |= {"gpu_memory_utilization": share} if share else {"enable_chunked_prefill": False}  # as our engine has it
        bare = Bare(own, requests, place, settings.interpreter())
        rows = [one_turn(engine, bare, place, at, turns[at], options.samples) for at in range(len(turns))][1:]
        bare.close()
        engine.close()
    print(json.dumps(summary(rows), indent=2))


def problems(count: int, seed: int) -> list[Problem]:
    """Other ones in each turn, so that nothing is drawn before."""
    return list(Templates(split="heldout").synthesize(count, 1000 + seed))


def one_turn(
    engine: Generator, bare: "Bare", place: Path, at: int, asked: Sequence[Problem], samples: int
) -> dict[str, float]:
    """Tokens per second of each, one after another, the order by turns."""
    ways = {
        "bare": lambda: bare.run(at),
        "engine": lambda: engine_alone(engine, asked, samples, at),
        "run": lambda: curated(
            engine, place / f"ws{at}", asked, samples, side_by_side(Vllm, BATCH, {"vllm": VllmSettings()})
        ),
    }
    rates: dict[str, float] = {}
    for name in list(ways)[at % 3 :] + list(ways)[: at % 3]:
        before = processor_seconds(bare.pid)
        rates[name] = ways[name]()
        after = processor_seconds(bare.pid)
        rates |= {f"{name}_{whose}_seconds": round(after[whose] - before[whose], 2) for whose in after}
    sys.stderr.write(json.dumps(rates) + "\n")
    return rates


def processor_seconds(bare: int) -> dict[str, float]:
    """Processor time so far of this process, of the engine behind it, and of the bare engine: it knows no neighbours."""
    mine = psutil.Process()
    theirs = [psutil.Process(bare), *psutil.Process(bare).children(recursive=True)]
    apart = {mine.pid, *(process.pid for process in theirs)}
    engine = [process for process in mine.children(recursive=True) if process.pid not in apart]
    groups = {"host": [mine], "engine": engine, "bare": theirs}
    return {name: sum(sum(process.cpu_times()[:2]) for process in group) for name, group in groups.items()}


def engine_alone(engine: Generator, asked: Sequence[Problem], samples: int, seed: int) -> float:
    """The engine's own iterator."""
    began = time.perf_counter()
    tokens = tokens_of(engine.generate(requests_of(engine, asked, samples, SAMPLING, seed=seed)))
    return tokens / (time.perf_counter() - began)


def curated(engine: Generator, folder: Path, asked: Sequence[Problem], samples: int, draw_workers: int) -> float:
    """Tokens per second of a whole run in a workspace of its own."""
    asking = {"sampling": SAMPLING, "batch_size": BATCH}
    with (
        Workspace.init(folder) as ws,
        fixed_run(ws, asked, lambda: engine, samples, draw_workers, shared=True, **asking) as run,
    ):
        began = time.perf_counter()
        run_all(run)
        seconds = time.perf_counter() - began
        with ws.segments.connect() as database:
            (tokens,) = database.execute("SELECT sum(tokens_out) FROM completions").fetchone() or (0,)
        return float(tokens) / seconds


class Bare:
    """vllm.LLM in a process of its own, loaded once."""

    def __init__(self, own: dict[str, object], turns: Sequence[Sequence[Request]], place: Path, python: str):
        pairs = [[(request.rendered, request.seed) for request in turn] for turn in turns]
        arguments = {**own, **TOGETHER, "enforce_eager": True, "seed": 0, "enable_prefix_caching": True}
        file = place / "asked.json"
        file.write_text(json.dumps({"arguments": arguments, "max_tokens": SAMPLING.max_tokens, "turns": pairs}))
        with (place / "bare.log").open("wb") as log:
            self._process = PeerProcess([python, str(BARE), str(file)], errors=log, env={**os.environ, **ENV})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def run(self, turn: int) -> float:
        """Tokens per second of a turn."""
        reply = self._process.ask(turn)
        return float(reply["tokens"]) / float(reply["seconds"])

    def close(self) -> None:
        """End it."""
        self._process.close()


def summary(rows: Sequence[dict[str, float]]) -> dict[str, object]:
    """Medians, and the medians of the ratios to the bare engine of the same turn."""
    rates = {name: round(statistics.median(row[name] for row in rows)) for name in ("bare", "engine", "run")}
    ratios = {name: round(statistics.median(row[name] / row["bare"] for row in rows), 3) for name in ("engine", "run")}
    return {"turns": len(rows), "tokens_per_second": rates, "of_bare": ratios, "all": rows}


if __name__ == "__main__":
    main()
