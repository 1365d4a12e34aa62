"""Overhead of a run over the bare engine with a server started by a profile: transformers on a GPU, or on a CPU.

    python benchmarks/engines/served.py [--python PATH] [--problems 64] [--samples 16] [--turns 3]

`--python` has torch, transformers and aiohttp. bare: the model in a process of its own, the prompts in batches of 256,
nothing kept. run: all that `curate` does after the start: plan, ask over HTTP, every answer durable, segments, verifier
`number`, verdicts. Both are loaded once and work one after the other, in turns of other problems.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.engines.asking import PeerProcess, requests_of
from benchmarks.engines.vllm_engine import BATCH, MODEL, SAMPLING, curated, problems
from rollmill.flows.run_spec import draw_workers as side_by_side
from rollmill.ground.records import Problem
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.serving import LocalModel, LocalServers
from rollmill.roles.engine_roles import Generator

SERVER = Path(__file__).resolve().parents[1] / "peers" / "transformers_server.py"
CONCURRENCY = 512
KEY = {"SERVER_API_KEY": "{key}"}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    draw_workers = side_by_side(OpenAI, BATCH, {"http": HttpSettings((Server("", concurrency=CONCURRENCY),))})
    rows = []
    with tempfile.TemporaryDirectory() as folder, served(options.python, Path(folder)) as engine:
        bare = Bare(options.python)
        for turn in range(options.turns + 1):  # the first one warms up
            turn_problems = problems(options.problems, turn)
            work = {
                "bare": partial(bare.run, engine, turn_problems, options.samples),
                "run": partial(curated, engine, Path(folder) / f"ws{turn}", turn_problems, options.samples, draw_workers),
            }
            rows.append({name: work[name]() for name in sorted(work, reverse=turn % 2 == 1)})
            sys.stderr.write(json.dumps(rows[-1]) + "\n")
        device = bare.close()
    rates = {name: round(statistics.median(row[name] for row in rows[1:])) for name in ("bare", "run")}
    ratio = statistics.median(row["run"] / row["bare"] for row in rows[1:])
    print(json.dumps({"device": device, "tokens_per_second": rates, "of_bare": round(ratio, 3)}))


@contextmanager
def served(python: str, folder: Path) -> Iterator[Generator]:
    """The engine that asks a server of its own."""
    command = (python, str(SERVER), "{model}", "{port}", "{name}")
    model = LocalModel(Path(python), MODEL, MODEL, folder, env=KEY, program=command, concurrency=CONCURRENCY)
    servers = LocalServers([model])
    engine = OpenAI(MODEL, http=HttpSettings(local=servers))
    try:
        yield engine
    finally:
        engine.close()
        servers.close()


class Bare:
    """The model in a process of its own."""

    def __init__(self, python: str) -> None:
        self._process = PeerProcess([python, str(SERVER), MODEL, "--bare"])

    def run(self, engine: Generator, asked: Sequence[Problem], samples: int) -> float:
        """Tokens per second of the same prompts and seeds, as the server renders them."""
        rows = [
            {
                "messages": [{"role": "user", "content": request.prompt}],
                "seed": request.seed,
                "max_tokens": SAMPLING.max_tokens,
            }
            for request in requests_of(engine, asked, samples, SAMPLING)
        ]
        began = time.perf_counter()
        tokens = float(self._process.ask(rows)["tokens"])
        return tokens / (time.perf_counter() - began)

    def close(self) -> str:
        """End it; the device that it drew on."""
        self._process.close()
        return str(self._process.ready["device"])


if __name__ == "__main__":
    main()
