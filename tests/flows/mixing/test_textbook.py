"""Textbook problems by topic: declared shares of topics and chapters, no copies, and a mixture that adds up."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.ground.records import MADE
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.flows.scripted_models import said_by
from tests.pipelines.generate.http.serving import Serving
from tests.pipelines.synthesize.derived.writers import written

pytestmark = pytest.mark.integration

CHAPTERS = {"money": 4, "time": 2, "lengths": 2}


def author(asked: dict[str, Any], text: str, seed: int) -> str:
    """Writes the same exercise in one of five requests, a wrong answer in one of seven, else a new one; solves all."""
    del asked
    index = 0 if seed % 5 == 0 else seed
    said = written(text if seed % 5 else "JSON", index, wrong=seed % 7 == 0 and "JSON" in text)
    return said if "JSON" in text else f"Sums put things together.\n{written(text, seed)}"


def test_topics_have_their_shares_copies_are_refused_and_the_mixture_adds_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    shutil.copytree(ROOT / "recipes", "recipes")
    with Serving(said_by(author), models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        served = ("recipes/textbook.yaml", "--set", "problems.count=24", "--profile", "p.yaml")
        made = said_as_json(rollmill, "synthesize", *served)
        textbook = said_as_json(rollmill, "curate", *served, "--direct")
    assert made["problems"] == 24
    assert made["dropped"]["refused_copy"] > 0
    assert made["dropped"]["refused_no_reference"] > 0
    with duckdb.connect(str(Path(textbook["path"]) / "dataset.duckdb"), read_only=True) as connection:
        metas = [json.loads(meta) for (meta,) in connection.execute("select meta from problems").fetchall()]
    dealt = [meta[MADE]["attributes"] for meta in metas]
    topics = Counter(values["topic"] for values in dealt)
    assert {topic: abs(topics[topic] - share) <= 1 for topic, share in {"money": 12, "time": 6, "lengths": 6}.items()}
    assert Counter(topic for topic, _ in {(values["topic"], values["chapter"]) for values in dealt}) == CHAPTERS
    small = (
        "problems.count=16",
        "gate={min_kept: 1}",
        "evaluation=[]",
        "budget.options.cap=8",
        "problems.options.levels=[1, 2]",
    )
    said_as_json(
        rollmill, "curate", "recipes/arithmetic.yaml", "--direct", *(word for value in small for word in ("--set", value))
    )
    mixed = said_as_json(rollmill, "mix", "recipes/mixtures/textbook.yaml")
    manifest = json.loads((Path(mixed["path"]) / "manifest.json").read_text())
    parts = {part["source"]: part for part in manifest["mixture"]["sources"]}
    assert {name: (part["kept"], part["share"]) for name, part in parts.items()} == {
        "textbook": (24, 0.75),
        "plain": (8, 0.25),
    }
    assert manifest["mixture"]["kept"] == 32
    assert manifest["cost"]["tokens_out"] > 0
