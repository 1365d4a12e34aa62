"""`rollmill preview`: a few problems through every stage, paid once."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Run

pytestmark = pytest.mark.integration


def test_what_a_preview_drew_is_not_drawn_again_and_nothing_is_published(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    result = rollmill("preview", "toy.yaml", "--rows", "3", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    rows = [rollout for row in outcome["shown"] for rollout in row["rollouts"]]
    assert (outcome["problems"], outcome["rollouts"]) == (3, len(rows))
    assert len((toy / "calls").read_text().splitlines()) == len(rows) == outcome["spent"]["drawn"]
    for rollout in rows:
        assert rollout["kept"] == (rollout["reason"] == "kept")
        assert rollout["outcome"] == rollout["verdicts"][0]["outcome"]
    assert not (toy / "datasets").exists()

    page = rollmill("preview", "toy.yaml", "--rows", "3").out
    assert len((toy / "calls").read_text().splitlines()) == len(rows)
    assert outcome["shown"][0]["prompt"] in page
    assert page.endswith("0 drawn here with 0 tokens in " + page.rsplit(" in ", 1)[1])
    assert page.rstrip().endswith("Next: rollmill curate toy.yaml")

    curated = json.loads(rollmill("curate", "toy.yaml", "--direct", "--json").out)
    assert {row["id"] for row in outcome["shown"]} <= {
        row["id"] for row in json.loads(rollmill("problems", "toy", "--size", "100", "--json").out)["problems"]
    }
    calls = (toy / "calls").read_text().splitlines()
    assert len(set(calls)) == len(calls)
    assert curated["reused"] >= 3 * 4  # the prefix of each problem; what is drawn beyond it depends on the other problems

    result = rollmill("preview", "toy.yaml", "--rows", "13")
    assert (result.status, "--rows 13: the recipe has 12 problems. Valid: 1 to 12." in result.err) == (2, True)
