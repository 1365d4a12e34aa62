"""Scores from counts that are known beforehand, and the card that tells them."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Prompt, Request
from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.pipelines.train.card import model_card
from rollmill.pipelines.train.scoring import SampleCounts, count_samples, score_model, summarise
from rollmill.pipelines.verify import VERIFIERS
from rollmill.places import CHECKOUT


class Clockwork:
    """A toy engine: sample i of a problem is right when i is below the problem's reference."""

    engine, model, model_digest, spooled = "toy", "toy", "0", False

    def render(self, prompt: Prompt) -> str:
        return str(prompt)

    def fingerprint(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for one in reversed(requests):
            right = int(str(one.prompt).split()[-1])
            text = f"#### {right if one.sample_index < right else right + 1}"
            yield Completion(
                one.completion_id,
                one.prompt_id,
                "toy",
                "toy",
                "0",
                one.stream,
                one.sample_index,
                one.seed,
                text,
                "stop",
                tokens_out=3,
            )


def problem(right: int, level: int) -> Problem:
    return Problem(f"Answer with {right}", str(right), kind="number", level=level, template="t", split="heldout")


def test_completions_are_counted_by_problem_whatever_order_they_come_in() -> None:
    problems = [problem(2, 1), problem(5, 1), problem(8, 2)]
    found = count_samples(problems, 8, 7, Clockwork(), VERIFIERS["number"]())
    assert [(one.level, one.drawn, one.correct, one.cut, one.tokens) for one in found] == [
        (1, 8, 2, 0, 24),
        (1, 8, 5, 0, 24),
        (2, 8, 8, 0, 24),
    ]


def test_scores_are_unbiased_means_over_problems() -> None:
    scores = summarise(
        [SampleCounts(1, "a", 64, 16, 1, 640), SampleCounts(1, "b", 64, 32, 0, 1280), SampleCounts(2, "a", 64, 64, 0, 640)]
    )
    first = scores["levels"]["1"]
    assert (first["problems"], first["completions"], first["cut_share"], first["mean_tokens"]) == (2, 128, 0.007812, 15.0)
    assert first["pass@1"]["value"] == pytest.approx(0.375)
    assert first["pass@64"]["value"] == 1.0
    assert scores["templates"]["a"]["pass@1"]["value"] == pytest.approx(0.625)
    assert scores["levels"]["2"]["pass@1"]["low"] < 1.0


def test_the_card_tells_every_level_and_the_unseen_templates() -> None:
    levels = [SampleCounts(level, "seen", 64, 8 * (9 - level), 0, 640) for level in range(1, 9)]
    unseen = [SampleCounts(level, "new", 64, 9 - level, 0, 640) for level in range(1, 9)]
    scores = {
        "samples": 64,
        "temperature": 1.0,
        "max_tokens": 200,
        "verifier": "number 1",
        "heldout": summarise(levels),
        "evaluation": summarise(unseen),
    }
    training = {
        "shape": {
            "num_hidden_layers": 4,
            "hidden_size": 128,
            "num_attention_heads": 4,
            "intermediate_size": 384,
            "max_position_embeddings": 512,
            "vocab_size": 640,
        },
        "settings": {
            "batch": 64,
            "learning_rate": 0.002,
            "warmup": 150,
            "final_share": 0.02,
            "weight_decay": 0.1,
            "clip": 1.0,
            "seed": 20,
            "threads": 2,
        },
        "parameters": 935040,
        "steps_done": 4600,
        "problems_seen": 294400,
        "wall_seconds": 2700.0,
        "cpu_seconds": 4200.0,
        "torch": "2.13.0",
        "python": "3.11.0",
    }
    card = model_card("tiny", json.loads(json.dumps(training)), json.loads(json.dumps(scores)))
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "935,040 parameters" in card
    flat = " ".join(card.split())
    assert "45 minutes of wall time and 70 minutes of processor time" in flat
    assert "| 8 | 1 | 0.125 [0.000, 1.000] | " in card
    assert "| new | no | 8 | 0.070" in card
    assert "The templates `new` and every problem" in flat
    assert max(map(len, (row for row in card.splitlines() if not row.startswith("|")))) <= 120


class Stubborn(Clockwork):
    """A toy engine that answers 1 to everything."""

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            ids = (request.completion_id, request.prompt_id)
            yield Completion(
                *ids, "toy", "toy", "0", request.stream, request.sample_index, request.seed, "#### 1", "stop", tokens_out=3
            )


def test_scoring_a_folder_writes_the_scores_and_the_card(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text((CHECKOUT / "models/rollmill-tiny/training.json").read_text())
    seen: list[tuple[int, int]] = []
    scores = score_model(tmp_path, Stubborn(), 2, report=lambda done, total: seen.append((done, total)))
    assert json.loads((tmp_path / "scores.json").read_text()) == json.loads(json.dumps(scores))
    assert seen[-1] == (24, 24)
    assert [one["problems"] for one in scores["heldout"]["levels"].values()] == [2] * 8
    assert [one["problems"] for one in scores["evaluation"]["levels"].values()] == [1] * 8
    assert not set(scores["heldout"]["templates"]) & set(scores["evaluation"]["templates"])
    assert f"# {tmp_path.name}" in (tmp_path / "README.md").read_text()


def shipped(name: str) -> Any:
    return json.loads((CHECKOUT / "models/rollmill-tiny" / name).read_text())


def test_the_shipped_scores_are_those_of_the_shipped_model_and_hold_what_the_card_promises() -> None:
    scores = shipped("scores.json")
    assert scores["fingerprint"]["model"] == ModelFiles.open("models/rollmill-tiny").digest
    levels = [scores["heldout"]["levels"][str(level)] for level in range(1, 9)]
    first = [one["pass@1"]["value"] for one in levels]
    assert all(one["problems"] >= 200 and one["completions"] == 64 * one["problems"] for one in levels)
    assert first[0] >= 0.9
    assert 0.03 <= first[-1] <= 0.30
    for easier, harder in itertools.pairwise(levels):
        assert harder["pass@1"]["low"] <= easier["pass@1"]["high"]
    assert sum(one["pass@64"]["value"] - one["pass@1"]["value"] >= 0.3 for one in levels) >= 3
    assert len(scores["evaluation"]["templates"]) >= 2


def test_the_shipped_card_is_made_from_the_shipped_records() -> None:
    card = (CHECKOUT / "models/rollmill-tiny/README.md").read_text()
    assert card == model_card("rollmill-tiny", shipped("training.json"), shipped("scores.json"))


def test_the_cards_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    card = (CHECKOUT / "models/rollmill-tiny/README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    exec(code, {})
    assert capsys.readouterr().out.count("#### ") == 4
