"""vLLM's own server rates texts with the shipped model made a classifier: our numbers are those of the model's logits."""

import json
import math
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.records import Origin, Problem, given_request
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.registry import built_engine
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
from rollmill.pipelines.score import group_scores
from rollmill.pipelines.score.reward_model import RewardModelScorer
from rollmill.roles.protocols import Candidates
from tests.pipelines.select.rollouts import rollout
from tests.tied import tied

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

PROBLEM = Problem("Tom has 12 apples and buys 7 apples. How many apples does Tom have now?", "19")
TEXTS = ("12 + 7 = 19\n#### 19", "12 + 7 = 1", "12 + 7 =\n\n1")
AS_CLASSIFIER = {
    "architectures": ["LlamaForSequenceClassification"],
    "method": "from_2_way_softmax",
    "classifier_from_token": ["7", "8"],
}
"""The number is p(8) / (p(7) + p(8)) of the next token."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that rates, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--served-model-name", "rating", "--dtype", "float32", "--max-model-len", "256", "--enforce-eager"]
    flags += ["--gpu-memory-utilization", "0.2"]  # beside other engines of a GPU
    flags += ["--runner", "pooling", "--convert", "classify", "--hf-overrides", json.dumps(AS_CLASSIFIER)]
    program = [VllmSettings().interpreter(), "-m", "vllm.entrypoints.openai.api_server", "--model", "models/rollmill-tiny"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path_factory.mktemp("home")), "VLLM_CPU_KVCACHE_SPACE": "1"}
    env |= {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    command = tied(*program, "--host", "127.0.0.1", "--port", str(port), *flags)
    with (tmp_path_factory.mktemp("rating") / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=Path(__file__).parents[4], env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its engine is a process of its own, which may outlive it
        process.wait(60)


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server never answered")


def rated(server: str, **options: Any) -> list[tuple[float, Any]]:
    scorer = RewardModelScorer(model="rating", **options)
    engine = built_engine("reward_model", "rating", scorer.engine_options or {}, http=HttpSettings((Server(server),)))
    scorer.sampler = DirectSampler(engine)
    completions = [rollout(at, "correct", text).completion for at, text in enumerate(TEXTS)]
    scores = list(group_scores(scorer, [Candidates(PROBLEM, completions)]))
    engine.close()
    assert [score.completion_id for score in scores] == [one.id for one in completions]
    return [(score.value, score.steps) for score in scores]


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    engine = Embedded(threads=1)
    yield engine
    engine.close()


def chance(embedded: Embedded, text: str) -> float:
    """p(8) / (p(7) + p(8)) of the token behind a text, by the embedded engine."""
    origin = Origin(embedded.engine, embedded.model_digest, "score")
    answers = [next(embedded.score_given([given_request(origin, "", text, word)])) for word in ("7", "8")]
    seven, eight = (float(answer.logprob_sum or 0.0) for answer in answers)
    return 1 / (1 + math.exp(seven - eight))


def test_classify_gives_the_models_own_chances(server: str, embedded: Embedded) -> None:
    plain = rated(server, api="classify", template="{problem}\n{answer}")
    assert [value for value, _ in plain] == pytest.approx(
        [chance(embedded, f"{PROBLEM.prompt}\n{text}") for text in TEXTS], abs=1e-4
    )
    turns = rated(server, api="classify")
    shown = [f"<|user|>{PROBLEM.prompt}<|assistant|>{text}<|end|>" for text in TEXTS]
    assert [value for value, _ in turns] == pytest.approx([chance(embedded, text) for text in shown], abs=1e-4)


def test_score_is_asked_for_pairs_and_lines_are_rated(server: str) -> None:
    assert all(0 < value < 1 for value, _ in rated(server, api="score"))
    raw = rated(server, api="score", extra={"use_activation": False})
    assert all(
        1 / (1 + math.exp(-logit)) == pytest.approx(value, abs=1e-5)
        for (logit, _), (value, _) in zip(raw, rated(server, api="score"), strict=True)
    )
    lines = rated(server, api="classify", by_lines=True, reduce="min")
    assert [len(steps) for _, steps in lines] == [2, 1, 2]
    assert all(value == min(steps) for value, steps in lines)
