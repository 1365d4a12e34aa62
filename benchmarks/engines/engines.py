"""Are the engines equal, and how fast is each? The same problems on one model, embedded, over HTTP and in vLLM's child.

    python benchmarks/engines/engines.py                           # all three on the shipped model; `make vllm` comes first
    python benchmarks/engines/engines.py --engines embedded,openai --problems 90 --samples 8 --margin 0.08

For every pair: n, the difference of mean pass rates with its 90% interval, the margin stated beforehand, the verdict (two
one-sided tests, templates as clusters, paired by problem), and the share of problems with the same greedy text. The
engine's name is in every completion's id, so no text is counted for two engines. `tokens_per_second` is of the sampled
draw, after the greedy one has warmed the engine up. Other benchmarks may use `running`, `draw` and `speed`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.engines.asking import requests_of, tokens_of
from rollmill.ground.records import Completion, Problem, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.http.http_settings import HttpSettings
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.serving import LocalModel, LocalServers
from rollmill.pipelines.generate.vllm.engine import Vllm
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.engine_roles import Generator
from rollmill.stats import equivalence

ROOT = Path(__file__).resolve().parents[2]
MODEL = "models/rollmill-tiny"
NAMES = ("embedded", "openai", "vllm")
CPU = {"VLLM_CPU_KVCACHE_SPACE": "1"}
# On a CPU a seeded request whose prompt is read in pieces ends vLLM's engine ("CPU Generator does not use offset").
WHOLE_PROMPTS = ("--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096")
FLAGS = ("--dtype", "float32", "--max-model-len", "512", *WHOLE_PROMPTS)
MAX_TOKENS, SEED, CONTEXT = 200, 11, 512


@dataclass(frozen=True, slots=True)
class Drawn:
    """Draws of one engine: greedy texts and pass rates by problem, ids, tokens per second of the sampled draw."""

    texts: tuple[str, ...]
    rates: tuple[float, ...]
    ids: frozenset[str]
    tokens: int
    tokens_per_second: float


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default=",".join(NAMES))
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--problems", type=int, default=180)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--margin", type=float, default=0.05)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--eager", action="store_true", help="do not let vLLM compile: starts faster, draws slower")
    options = parser.parse_args()
    problems = list(Templates(split="train").synthesize(options.problems, SEED))
    by_engine = {}
    for name in options.engines.split(","):
        with running(name, options.model, in_flight=options.in_flight, eager=options.eager) as engine:
            by_engine[name] = measured(engine, problems, options.samples)
    speeds = {name: round(one.tokens_per_second) for name, one in by_engine.items()}
    print(json.dumps({"tokens_per_second": speeds, "pairs": compared(by_engine, problems, options.margin)}, indent=2))


def interpreter() -> Path:
    """The Python that has vLLM."""
    return Path(os.environ.get("ROLLMILL_VLLM") or ROOT / ".venv-vllm" / "bin" / "python")


@contextmanager
def running(name: str, model: str = MODEL, *, in_flight: int = 128, eager: bool = False) -> Iterator[Generator]:
    """An engine on a model; a server or child that it needs is started at the first draw and ended at the end.

    `eager`: start without compiling, which is faster to start and slower to draw.
    """
    place = str(ROOT / model) if (ROOT / model).is_dir() else model
    with tempfile.TemporaryDirectory() as folder:
        flags = (*FLAGS, "--max-num-seqs", str(in_flight), *(["--enforce-eager"] if eager else []))
        served = LocalModel(
            interpreter(), place, model, Path(folder), args=flags, env=CPU, concurrency=in_flight, start_seconds=900.0
        )
        local = LocalServers([served])
        child = VllmSettings(
            str(interpreter()), max_num_seqs=in_flight, enforce_eager=eager or None, env=CPU, log=f"{folder}/vllm.log"
        )
        engine: Any
        if name == "embedded":
            engine = Embedded(place)
        elif name == "openai":
            engine = OpenAI(model, http=HttpSettings(local=local))
        else:
            engine = Vllm(place, dtype="float32", max_model_len=CONTEXT, vllm=child)
        try:
            yield engine
        finally:
            engine.close()
            local.close()


def draw(engine: Generator, problems: Sequence[Problem], samples: int, temperature: float) -> list[Completion]:
    """`samples` completions of every problem, problem by problem."""
    sampling = Sampling(temperature=temperature, max_tokens=MAX_TOKENS)
    requests = requests_of(engine, problems, samples, sampling, stream="curate", seed=SEED)
    completions = {completion.id: completion for completion in engine.generate(requests)}
    assert len(completions) == len(requests)
    return [completions[request.completion_id] for request in requests]


def speed(engine: Generator, problems: Sequence[Problem], samples: int) -> tuple[list[Completion], float]:
    """A sampled draw at temperature 1 and its tokens per second; warm the engine up before."""
    began = time.perf_counter()
    completions = draw(engine, problems, samples, 1.0)
    return completions, tokens_of(completions) / (time.perf_counter() - began)


def measured(engine: Generator, problems: Sequence[Problem], samples: int) -> Drawn:
    """Greedy texts first, then the sampled draw, judged by the verifier `number`."""
    greedy = draw(engine, problems, 1, 0.0)
    said, rate = speed(engine, problems, samples)
    pairs = [(problem, said[n * samples + k]) for n, problem in enumerate(problems) for k in range(samples)]
    right = [verdict.outcome == "correct" for verdict in VERIFIERS["number"]().verify_many(pairs)]
    rates = tuple(sum(right[n : n + samples]) / samples for n in range(0, len(right), samples))
    ids = frozenset(completion.id for completion in (*greedy, *said))
    return Drawn(tuple(completion.text for completion in greedy), rates, ids, tokens_of(said), rate)


def compared(found: dict[str, Drawn], problems: Sequence[Problem], margin: float) -> list[dict[str, Any]]:
    """A row for every pair of engines."""
    rows = []
    for (first, one), (second, other) in combinations(found.items(), 2):
        assert not one.ids & other.ids
        tested = equivalence(one.rates, other.rates, [problem.template for problem in problems], margin=margin)
        assert tested is not None
        gap = tested.difference
        same = sum(a == b for a, b in zip(one.texts, other.texts, strict=True)) / len(problems)
        row = {"engines": [first, second], "problems": gap.n, "clusters": gap.clusters, "margin": margin}
        row |= {"difference": round(gap.value, 4), "interval_90": [round(gap.low, 4), round(gap.high, 4)]}
        rows.append(row | {"p": tested.p, "verdict": tested.conclusion, "same_greedy_text": round(same, 4)})
    return rows


if __name__ == "__main__":
    main()
