"""Problems that a served model writes: held to a schema, stored, asked for once, and gone on with after a failure."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.pipelines.generate.http.serving import Serving, Trick, body, reply_to, status
from tests.pipelines.synthesize.derived.writers import written

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: authored
seed: 3
problems:
  synthesize: attributes
  count: 12
  options:
    attributes: {topic: {money: 0.5, time: 0.25, distances: 0.25}, persona: [a baker, a nurse]}
    ask: "A problem on {topic} for {persona}."
    votes: 3
    writer: {engine: openai, model: toy, max_tokens: 200}
    solver: {engine: openai, model: toy, max_tokens: 200}
generate: {engine: openai, model: toy, max_tokens: 200}
budget: {method: fixed, options: {initial: 2}}
"""
PROFILE = "servers: [{url: URL, concurrency: 4}]\nhttp: {backoff_seconds: 0.01, patience: 5}\n"


class Model:
    """A served model that writes and solves; out of order between two numbers of requests."""

    def __init__(self) -> None:
        self.broken = range(0)
        self.asked: list[dict[str, Any]] = []

    def script(self, number: int, asked: dict[str, Any]) -> Trick:
        if number in self.broken:
            return status(400)
        self.asked.append(asked)
        reply = reply_to(asked)
        reply["choices"][0]["message"]["content"] = written(asked["messages"][-1]["content"], asked["seed"])
        return body(reply)


@pytest.fixture
def authored(toy: Path) -> Path:
    (toy / "authored.yaml").write_text(RECIPE)
    return toy


def test_a_served_model_writes_by_declared_shares_and_is_asked_once(authored: Path, rollmill: Run) -> None:
    model = Model()
    with Serving(model.script) as server:
        (authored / "p.yaml").write_text(PROFILE.replace("URL", server.url))
        result = rollmill("synthesize", "authored.yaml", "--profile", "p.yaml", "--json")
        assert result.status == 0, result.err
        outcome = json.loads(result.out)
        assert outcome["problems"] == 12
        writing = [asked for asked in model.asked if "JSON" in asked["messages"][-1]["content"]]
        solving = [asked for asked in model.asked if asked not in writing]
        assert len(writing) == 12
        assert len(solving) == 36
        assert all(asked["response_format"]["type"] == "json_schema" for asked in writing)
        assert not any("response_format" in asked for asked in solving)
        count = len(model.asked)
        again = rollmill("synthesize", "authored.yaml", "--profile", "p.yaml", "--json")
        assert (json.loads(again.out)["digest"], len(model.asked)) == (outcome["digest"], count)
        curated = rollmill("curate", "authored.yaml", "--profile", "p.yaml", "--direct", "--json")
        assert curated.status == 0, curated.err
        assert len(model.asked) == count + 24


def test_after_a_failure_the_same_command_asks_for_what_is_missing(authored: Path, rollmill: Run) -> None:
    whole, model = Model(), Model()
    with Serving(whole.script) as server:
        (authored / "p.yaml").write_text(PROFILE.replace("URL", server.url))
        expected = json.loads(
            rollmill("synthesize", "authored.yaml", "--profile", "p.yaml", "--dry-run", "--json").out or "{}"
        )
        assert expected == {}  # nobody is asked for a preview
        assert whole.asked == []
    model.broken = range(20, 10_000)
    with Serving(model.script) as server:
        (authored / "p.yaml").write_text(PROFILE.replace("URL", server.url))
        stopped = rollmill("synthesize", "authored.yaml", "--profile", "p.yaml")
        assert stopped.status != 0
        assert "rollmill: " in stopped.err
        before = len(model.asked)
        model.broken = range(0)
        assert rollmill("synthesize", "authored.yaml", "--profile", "p.yaml").status == 0
        assert len(model.asked) == 48  # 12 texts and 36 votes: nothing was asked twice
        assert 0 < before < 48
