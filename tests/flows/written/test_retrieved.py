"""Writing after seeds and their neighbours of another set: which neighbours are shown, and what becomes of the texts."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from rollmill.pipelines.synthesize.derived.lineage import lineage_of
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.flows.scripted_models import numbers_in, said_by
from tests.json_lines import write_lines
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration

THINGS = ("apples", "trains", "carpets")


def rows(kind: str, numbers: range, split: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{kind}-{thing}-{split}-{n}",
            "prompt": f"The {kind} of {thing}: {n + 2} {thing} and {n + 7} {thing}. How many {thing}?",
            "reference": str(2 * n + 9),
            "split": split,
        }
        for thing in THINGS
        for n in numbers
    ]


def writer(asked: dict[str, Any], text: str, seed: int) -> str:
    """Writes about what stands before and after, with a wrong answer in a third of the texts; adds for a solver."""
    if asked["messages"][0]["role"] != "system":
        return f"#### {sum(numbers_in(text)[:2])}"
    shown = [turn["content"] for turn in asked["messages"][:-1] if turn["role"] == "user"]
    subject = shown[seed % len(shown)].split(":")[0] if shown else text.split(":", maxsplit=1)[0]
    left, right = 10 + seed % 880, 10 + seed // 880 % 880
    return f"PROBLEM: {subject}, told anew with {left} and {right}. How many?\nANSWER: {left + right + (seed % 3 == 0)}"


def test_neighbours_are_the_nearest_of_the_other_set_and_every_new_problem_reaches_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    shutil.copy(ROOT / "recipes/retrieved.yaml", ".")
    others = [*rows("warehouse", range(4), "train"), *rows("market", range(52, 56), "test")]
    for name, given in (("seeds", rows("market", range(50, 52), "train")), ("others", others)):
        file = write_lines(Path(f"{name}.jsonl"), given)
        assert rollmill("import", "problems", file, "--name", name).status == 0
    further = next(
        line.removeprefix("# ")
        for line in Path("retrieved.yaml").read_text().splitlines()
        if line.startswith("# problems:")
    )
    engine = "generate: {engine: openai, model: Qwen/Qwen2.5-0.5B-Instruct, max_tokens: 64}"
    Path("new.yaml").write_text(
        f"recipe_schema: 1\nname: new\nseed: 3\n{further}\n{engine}\nverify: [{{method: number}}]\n"
    )
    with Serving(said_by(writer), models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        said_as_json(rollmill, "curate", "retrieved.yaml", "--direct", "--profile", "p.yaml")
        asked = [body["messages"] for body in server.bodies]
        made = said_as_json(rollmill, "synthesize", "new.yaml", "--profile", "p.yaml")
    assert len(asked) == 24
    for turns in asked:
        thing = next(name for name in THINGS if name in turns[-1]["content"])
        shown = [turn["content"] for turn in turns[:-1] if turn["role"] == "user"]
        assert len(shown) == 3
        assert all(text.startswith(f"The warehouse of {thing}") for text in shown), (
            "the nearest, and none of the test split"
        )
        assert [turn["content"] for turn in turns[:-1] if turn["role"] == "assistant"] == [
            next(row["reference"] for row in others if row["prompt"] == text) for text in shown
        ]
    with Workspace.open(Path()) as workspace:
        known = {row.id: row for row in from_table("problems", workspace.segments.read("problems"))}
    new = [row for row in known.values() if lineage_of(row)]
    assert len(new) == made["problems"] > 8
    assert made["dropped"]["refused_no_reference"] > 0, "a wrong answer is not found again"
    for row in new:
        [seed] = lineage_of(row)["sources"]
        assert str(known[seed].prompt).startswith("The market")
        assert str(row.prompt).startswith("The warehouse"), "subjects that no seed has"
        assert row.reference == str(sum(numbers_in(str(row.prompt))))
