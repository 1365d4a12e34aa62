"""Texts are lost after they were judged, and the server writes others the second time."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rollmill.storage.workspace import Workspace
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


FOLLOWED = """\
recipe_schema: 1
name: followed
problems: {imported: sums}
generate: {engine: openai, model: toy, max_tokens: 20}
steps:
  - {name: solve, count: 2}
  - {name: critic, role: step, template: "{prompt}\\n{solve}\\nFaults?"}
  - {name: again, template: "{prompt}\\n{critic}\\nOnce more."}
verify: [{method: number}]
gate: {min_kept: 0}
"""


def lose_the_texts_of(folder: Path, begin: str) -> None:
    """Delete the segments whose texts begin so."""
    count = 0
    for path in (folder / ".rollmill" / "segments").rglob("*.parquet"):
        table = pq.read_table(path)
        if "text" in table.column_names and str(table["text"][0]).startswith(begin):
            path.unlink()
            count += 1
    assert count


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


def test_what_is_due_since_a_text_came_back_as_another_is_drawn(sums: Path, rollmill: Run) -> None:
    """All answers were right, and nothing followed; the next ones are wrong, in a run that was over."""
    Path("r.yaml").write_text(RECIPE.replace("verify:", f"{STEPS}verify:"))
    model = Model()
    model.knows = True
    with Serving(said_by(model.answer)) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        first = said_as_json(rollmill, *CURATE)
        assert first["funnel"]["drawn"] == 12
        lose_the_texts_of(sums, "Solved")
        model.knows = False
        second = rollmill(*CURATE)
        assert second.status == 0, second.err
        assert "12 follow-ups are due, because lost texts were drawn again with different results" in second.err
        assert len(server.bodies) == 36
        third = said_as_json(rollmill, *CURATE)
        assert len(server.bodies) == 36
    assert (third["funnel"]["drawn"], third["created"], third["version"]) == (24, False, 2)
    assert [(step["name"], step["drawn"]) for step in third["steps"]] == [("solve", 12), ("again", 12)]
    assert said_as_json(rollmill, "dataset", "verify", "sums")["passed"] is True


@pytest.mark.parametrize("said", ["the same", "another"])
def test_what_follows_a_lost_text_is_asked_again_where_the_text_is_another(sums: Path, rollmill: Run, said: str) -> None:
    Path("r.yaml").write_text(FOLLOWED)
    life = ["first"]

    def answer(prompts: dict[str, Any], text: str, seed: int) -> str:
        del prompts
        if "Faults?" in text:
            return f"Critic of {'second' if 'second' in text else 'first'}, {seed % 100}."
        return f"Second look: {seed % 9}" if "Once more" in text else f"Solved {life[0]}, {seed % 9}"

    def curated(*more: str) -> Any:
        return rollmill("curate", "r.yaml", "--direct", "--json", "--profile", "p.yaml", *more)

    with Serving(said_by(answer)) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        outcome = json.loads(curated().out)
        before = len(server.bodies)
        assert before == 36
        lose_the_texts_of(sums, "Solved")
        life[0] = "first" if said == "the same" else "second"
        again = curated()
        assert len(server.bodies) == before + 12, "the lost texts are drawn again, and nothing else"
        if said == "the same":
            assert (again.status, json.loads(again.out)["content_hash"]) == (0, outcome["content_hash"])
            return
        for _ in range(2):
            refused = curated()
            assert refused.status == 2
            assert "texts that step 'critic' of run" in refused.err
            assert "--set name=NAME" in refused.err
        assert len(server.bodies) == before + 12
        renamed = curated("--set", "name=renamed")
        assert renamed.status == 0, renamed.err
        assert len(server.bodies) == before + 12 + 24, "what follows is asked again, of the texts that are stored"
        prompts = [body["messages"][-1]["content"] for body in server.bodies[-24:]]
        assert all("second" in text for text in prompts)
