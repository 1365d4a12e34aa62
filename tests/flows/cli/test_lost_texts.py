"""Texts are lost after they were judged, and the server writes others the second time."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.workspace import Workspace
from tests.flows.cli.test_lost_parent import lose_the_texts_of
from tests.flows.conftest import Run, said_as_json
from tests.flows.scripted_models import said_by
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: sums
problems: {imported: sums}
generate: {engine: openai, model: toy, max_tokens: 20}
budget: {method: fixed, options: {initial: 2}}
verify: [{method: number}]
score: [{method: length}]
gate: {min_kept: 0}
"""


STEPS = """\
steps:
  - {name: solve}
  - {name: again, template: "{prompt} Think twice.", when: {solve: incorrect}}
"""


@pytest.fixture
def sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> Path:
    """A workspace with six imported problems."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    rows = [json.dumps({"id": str(n), "prompt": f"{n} + {n} = ?", "reference": str(2 * n)}) for n in range(6)]
    Path("sums.jsonl").write_text("\n".join(rows))
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    return folder


class Model:
    """Wrong at first, and right once it `knows`."""

    knows = False

    def answer(self, asked: dict[str, Any], text: str, seed: int) -> str:
        del asked, seed
        return f"Solved, at last: {2 * int(text.split(maxsplit=1)[0])}" if self.knows else "Solved: 777"


CURATE = ("curate", "r.yaml", "--direct", "--profile", "p.yaml")


def test_what_was_said_of_a_lost_text_is_not_said_of_the_next(sums: Path, rollmill: Run) -> None:
    Path("r.yaml").write_text(RECIPE)
    model = Model()
    with Serving(said_by(model.answer)) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        assert said_as_json(rollmill, *CURATE)["funnel"]["correct"] == 0
        lose_the_texts_of(sums, "Solved")
        model.knows = True
        second = said_as_json(rollmill, *CURATE)
        assert (second["funnel"]["drawn"], second["funnel"]["correct"], second["funnel"]["kept"]) == (12, 12, 12)
        assert said_as_json(rollmill, *CURATE)["content_hash"] == second["content_hash"]
    with Workspace.open() as workspace:
        scores = workspace.segments.read("scores")["value"].to_pylist()
        verdicts = workspace.segments.read("verdicts")["outcome"].to_pylist()
    assert (len(scores), set(scores), verdicts) == (12, {18.0, 19.0}, ["correct"] * 12)


def test_what_followed_an_outcome_that_is_another_now_is_refused(sums: Path, rollmill: Run) -> None:
    """The prompt of the second step does not show the text that it follows, so its ids are as they were."""
    Path("r.yaml").write_text(RECIPE.replace("verify:", f"{STEPS}verify:"))
    model = Model()
    with Serving(said_by(model.answer)) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        assert said_as_json(rollmill, *CURATE)["funnel"]["drawn"] == 24
        lose_the_texts_of(sums, "Solved")
        same = said_as_json(rollmill, *CURATE)
        assert same["funnel"]["drawn"] == 24
        lose_the_texts_of(sums, "Solved")
        model.knows = True
        refused = rollmill(*CURATE)
        assert refused.status == 2
        assert "texts that step 'again' of run" in refused.err
        assert "--set name=NAME" in refused.err
