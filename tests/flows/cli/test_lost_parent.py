"""A text that others follow is lost, and the server writes another one the second time."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.flows.scripted_models import said_by
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration

RECIPE = """\
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
    found = 0
    for path in folder.rglob("*.parquet"):
        table = pq.read_table(path)
        if "text" in table.column_names and str(table["text"][0]).startswith(begin):
            path.unlink()
            found += 1
    assert found


@pytest.mark.parametrize("said", ["the same", "another"])
def test_what_follows_a_lost_text_is_asked_again_where_the_text_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run, said: str
) -> None:
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    rows = [json.dumps({"id": str(n), "prompt": f"{n} + {n} = ?", "reference": str(2 * n)}) for n in range(6)]
    Path("sums.jsonl").write_text("\n".join(rows))
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    Path("r.yaml").write_text(RECIPE)
    life = ["first"]

    def answer(asked: dict[str, Any], text: str, seed: int) -> str:
        del asked
        if "Faults?" in text:
            return f"Critic of {'second' if 'second' in text else 'first'}, {seed % 100}."
        return f"Second look: {seed % 9}" if "Once more" in text else f"Solved {life[0]}, {seed % 9}"

    def curated(*more: str) -> Any:
        return rollmill("curate", "r.yaml", "--direct", "--json", "--profile", "p.yaml", *more)

    with Serving(said_by(answer)) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        made = json.loads(curated().out)
        before = len(server.bodies)
        assert before == 36
        lose_the_texts_of(folder, "Solved")
        life[0] = "first" if said == "the same" else "second"
        again = curated()
        assert len(server.bodies) == before + 12, "the lost texts are drawn again, and nothing else"
        if said == "the same":
            assert (again.status, json.loads(again.out)["content_hash"]) == (0, made["content_hash"])
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
        asked = [one["messages"][-1]["content"] for one in server.bodies[-24:]]
        assert all("second" in text for text in asked)
