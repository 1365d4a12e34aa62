"""What the version says was sent is what the server got: by template, system message, examples, and a step's own text."""

import json
from pathlib import Path

import pytest

from rollmill.storage.versions.read import open_version
from rollmill.storage.versions.resolve import resolve
from tests.flows.conftest import Run
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration

FORMS = {
    "plain": "prompt_template: 'Solve. {prompt}', system_prompt: Add.",
    "older spelling": "options: {system: Add.}, examples: [{prompt: '1 + 1', answer: '2'}]",
}
STEPS = """
steps:
  - {name: solve}
  - {name: check, template: 'Is {solve} right for {prompt}?', system_prompt: Judge.}
"""
RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 16, FORM}
budget: {method: fixed, options: {initial: 2}}
gate: {min_kept: 0}
"""


@pytest.mark.parametrize(("form", "steps"), [("plain", ""), ("older spelling", ""), ("plain", STEPS)])
def test_the_version_has_what_the_server_got(ten_sums: Path, rollmill: Run, form: str, steps: str) -> None:
    (ten_sums / "remote.yaml").write_text(RECIPE.replace("FORM", FORMS[form]) + steps)
    with Serving() as server:
        (ten_sums / "p.yaml").write_text(f"servers: [{{url: {server.url}}}]\n")
        result = rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml")
        assert result.status == 0, result.err
        got = {json.dumps(body["messages"], sort_keys=True) for body in server.bodies}
    info = resolve(ten_sums / "datasets", "remote")
    with open_version(info) as connection:
        rows = connection.sql("SELECT s.completion_id, p.messages FROM sent s JOIN prompts p ON p.id = s.prompt").fetchall()
        (total,) = connection.sql("SELECT count(*) FROM rollouts").fetchall()[0]
        (stored,) = connection.sql("SELECT count(*) FROM prompts").fetchall()[0]
    assert len(rows) == total == (40 if steps else 20)
    assert {json.dumps(json.loads(messages), sort_keys=True) for _, messages in rows} == got
    assert stored == len(got)
    run = rollmill("show", rows[0][0]).out
    assert "prompt as sent\nsystem: " in run
    assert run.count("prompt as sent") == rollmill("show", rows[0][0], "--of", "remote").out.count("prompt as sent") == 1
    assert json.loads(rollmill("show", rows[0][0], "--json").out)["sent"][rows[0][0]][0]["role"] == "system"


def test_rows_for_a_trainer_hold_it(ten_sums: Path, rollmill: Run) -> None:
    (ten_sums / "remote.yaml").write_text(RECIPE.replace("FORM", FORMS["plain"]) + STEPS)
    with Serving() as server:
        (ten_sums / "p.yaml").write_text(f"servers: [{{url: {server.url}}}]\n")
        assert rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml").status == 0
        got = [body["messages"] for body in server.bodies]
    for fmt, options in (("sft", ()), ("thread", ()), ("unpaired", ("--set", "form=chat"))):
        written = rollmill(
            *("dataset", "export", "remote", "--format", fmt, "--out", f"{fmt}.jsonl", "--set", "prompt=as_sent", *options)
        )
        assert written.status == 0, written.err
    sft = [json.loads(row) for row in (ten_sums / "sft.jsonl").read_text().splitlines()]
    assert {row["step"] for row in sft} == {"solve", "check"}
    assert all(row["messages"][:-1] in got for row in sft)
    threads = [json.loads(row) for row in (ten_sums / "thread.jsonl").read_text().splitlines()]
    roles = {row["step"]: [turn["role"] for turn in row["messages"]] for row in threads}
    first = ["system", "user", "assistant"]
    assert roles == {"solve": first, "check": [*first, "user", "assistant"]}
