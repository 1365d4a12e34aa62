"""Faults of replies through whole commands: a server's configuration is no score; each fault stands beside the rate."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.flows.conftest import Run, said_as_json
from tests.pipelines.generate.http.serving import Script, Serving, Trick, body, reply_to, status

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy}
budget: {method: fixed, options: {initial: 4}}
select: {method: all_correct}
"""
EVALUATION = """\
evaluation_schema: 1
name: remote-eval
samples: 2
benchmarks: [{name: sums, imported: sums}]
models: [{name: toy, engine: openai, model: toy}]
metrics: [{metric: pass@k, ks: [1]}]
"""
LONG = status(400, '{"error": {"message": "max_tokens 256 exceeds the maximum context length of 128 tokens."}}')
RISK = status(400, '{"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}')


@pytest.fixture
def remote(ten_sums: Path) -> Path:
    """A workspace with ten imported sums, a recipe and an evaluation that ask a server."""
    (ten_sums / "remote.yaml").write_text(RECIPE)
    (ten_sums / "eval.yaml").write_text(EVALUATION)
    return ten_sums


def profile(server: Serving, http: str = "") -> tuple[str, str]:
    Path("p.yaml").write_text(
        f"servers: [{{url: '{server.url}', concurrency: 4}}]\nhttp: {{backoff_seconds: 0.01{http}}}\n"
    )
    return "--profile", "p.yaml"


def on(prompt: str, trick: Trick) -> Script:
    return lambda _, asked: trick if asked["messages"][-1]["content"] == prompt else None


def thinking(_: int, asked: dict[str, Any]) -> Trick:
    """All tokens go into the reasoning."""
    reply = reply_to(asked)
    reply["choices"][0] |= {"finish_reason": "length", "message": {"content": None, "reasoning_content": "Let me see"}}
    return body(reply)


def test_a_refusal_of_every_request_is_no_score_and_ends_with_the_words_of_the_server(remote: Path, rollmill: Run) -> None:
    with Serving(lambda *_: LONG) as server:
        result = rollmill("evaluate", "eval.yaml", *profile(server))
        assert result.status == 2
        assert (
            "max_tokens 256 exceeds the maximum context length of 128 tokens. None of these replies is kept." in result.err
        )
        assert "pass@" not in result.out + result.err
        server.script = None  # the server is served with a longer context: nothing stands in the way
        report = said_as_json(rollmill, "evaluate", "eval.yaml", *profile(server))
    [cell] = report["cells"]
    assert cell["replies"] == {"replies": 20, "several": 10, "draws": 20, "texts": 19, "one_text": 1}


def test_the_only_prompt_refused_is_no_score_either(remote: Path, rollmill: Run) -> None:
    with Serving(lambda *_: LONG) as server:
        result = rollmill("evaluate", "eval.yaml", "--set", "benchmarks.sums.count=1", *profile(server))
    assert result.status == 1
    assert "2 of 2 replies of run" in result.err
    assert "max_tokens 256 exceeds" in result.err


def test_one_refused_prompt_is_counted_on_every_page(remote: Path, rollmill: Run) -> None:
    with Serving(on("3 + 3 = ?", RISK)) as server:
        made = rollmill("curate", "remote.yaml", "--direct", *profile(server))
        assert made.status == 0, made.err
        measured = rollmill("evaluate", "eval.yaml", *profile(server))
        assert measured.status == 0, measured.err
        over = rollmill(
            "curate", "remote.yaml", "--direct", "--set", "generate.redraw=1", *profile(server, ", max_failed: 2")
        )
    told = "4 of 40 replies were refused or cut by the provider's filter: reword prompt_template"
    risk = "the server said of a refused prompt: Content Exists Risk"
    pages = {
        "curate": made.out,
        "runs show": rollmill("runs", "show", run_of(remote, "remote")).out,
        "dataset show": rollmill("dataset", "show", "remote").out,
        "card": next((remote / "datasets/remote").glob("v1-*/README.md")).read_text(),
    }
    for name, page in pages.items():
        assert told in page, name
        assert risk.casefold() in page.casefold(), name
    told = "2 of 20 replies were refused"
    pages = {
        "evaluate": measured.out,
        "report": (remote / "reports/remote-eval/report.md").read_text(),
        "html": (remote / "reports/remote-eval/report.html").read_text(),
        "leaderboard": rollmill("leaderboard", "remote-eval").out,
        "card": rollmill("card", "make", "remote-eval", "--by", "skill").out,
    }
    assert [name for name, page in pages.items() if told not in page] == []
    assert over.status == 2
    assert "3 of 40 requests were refused, and 2 is allowed (http.max_failed)" in over.err
    assert "prompt '3 + 3 = ?': Content Exists Risk" in over.err


def test_a_command_that_goes_on_counts_the_refusals_that_are_stored(remote: Path, rollmill: Run) -> None:
    """The prompt that is asked first is refused four times; the third ends the command, and the next one asks nothing."""
    first: list[str] = []

    def refusing(_: int, asked: dict[str, Any]) -> Trick | None:
        first.append(asked["messages"][-1]["content"])
        return RISK if first[-1] == first[0] else None

    def one_by_one(server: Serving, most: int) -> tuple[str, str]:
        words = profile(server, f", max_failed: {most}")
        Path("p.yaml").write_text(Path("p.yaml").read_text().replace("concurrency: 4", "concurrency: 1"))
        return words

    with Serving(refusing) as server:
        words = ("curate", "remote.yaml", "--direct")
        assert rollmill(*words, *one_by_one(server, 2)).status == 2
        asked = len(server.bodies)
        again = rollmill(*words, *one_by_one(server, 2))
        assert again.status == 2
        assert "3 of " in again.err
        assert "stored replies of this run are refusals, and 2 is allowed (http.max_failed)" in again.err
        assert len(server.bodies) == asked
        over = rollmill(*words, *one_by_one(server, 3))
        assert over.status == 2
        assert "4 of 40 requests were refused, and 3 is allowed (http.max_failed)" in over.err
        assert rollmill(*words, *one_by_one(server, 4)).status == 0


def run_of(folder: Path, name: str) -> str:
    from rollmill.storage.workspace import Workspace

    with Workspace.open(folder) as ws:
        return next(run.id for run in reversed(ws.runs.list()) if run.name == name)


def test_reasoning_without_an_answer_is_told_with_the_key_to_change(remote: Path, rollmill: Run) -> None:
    with Serving(thinking) as server:
        measured = rollmill("evaluate", "eval.yaml", *profile(server))
    assert measured.status == 0, measured.err
    assert "20 of 20 replies have reasoning and no answer behind it: raise max_tokens, or set" in measured.out
    assert "20 of 20 replies were truncated at their length limit: raise max_tokens" in measured.out


def test_what_is_left_out_is_not_sent_and_limits_need_the_length(remote: Path, rollmill: Run) -> None:
    sets = [f"generate.{key}=null" for key in ("temperature", "top_p", "max_tokens")]
    left_out = [word for text in sets for word in ("--set", text)]
    assert rollmill("recipe", "check", "remote.yaml", *left_out).status == 0
    with Serving() as server:
        words = ("curate", "remote.yaml", "--direct", *profile(server))
        assert rollmill(*words, *left_out).status == 0
        assert {tuple(sorted(asked)) for asked in server.bodies} == {("messages", "model", "n", "seed", "stream")}
        limited = rollmill(*words, "--set", "generate.redraw=1", *left_out, "--max-tokens", "1000000")
        assert (limited.status, "bounds each request by its max_tokens" in limited.err) == (2, True)
        again = ("--set", "generate.options={limit: max_completion_tokens, extra: {temperature: 1}}")
        assert rollmill(*words, *left_out[:2], *again).status == 0
    assert {name: server.bodies[-1][name] for name in ("temperature", "max_completion_tokens")} == {
        "temperature": 1,
        "max_completion_tokens": 256,
    }
    contradiction = rollmill("recipe", "check", "remote.yaml", *again)
    assert (contradiction.status, "extra gives 'temperature' 1, and the recipe sends it as 1.0" in contradiction.err) == (
        2,
        True,
    )
    embedded = rollmill("recipe", "check", "remote.yaml", "--set", "generate={temperature: null}")
    assert "temperature is null, and engine 'embedded' has no server that could choose it" in embedded.err


def test_several_draws_at_temperature_zero_are_refused_by_the_check(remote: Path, rollmill: Run) -> None:
    greedy = ("--set", "generate.temperature=0")
    result = rollmill("recipe", "check", "remote.yaml", *greedy)
    assert result.status == 2
    assert "generate draws 4 completions of each problem at temperature 0, which are one text" in result.err
    assert rollmill("recipe", "check", "remote.yaml", *greedy, "--set", "budget.options.initial=1").status == 0


def test_a_server_that_ignores_the_seed_is_told_during_the_run_and_stopped_by_the_gate(remote: Path, rollmill: Run) -> None:
    def alike(_: int, asked: dict[str, Any]) -> Trick:
        return body(reply_to({**asked, "seed": 7}))

    with Serving(alike) as server:
        limit = ("--set", "gate.max_one_text=0.95")
        result = rollmill("curate", "remote.yaml", "--direct", *limit, *profile(server))
        assert result.status == 1
        assert "all draws of each of the first 10 prompts are one text: raise temperature" in result.out + result.err
        assert "one text: expected all draws of a prompt one text: at most 95% of prompts" in result.err
        assert "10 of 10; 10 different texts in 40 draws" in result.err
        made = rollmill("curate", "remote.yaml", "--direct", *profile(server))
    assert made.status == 0, made.err
    assert "of 10 of 10 prompts drawn several times all draws are one text (40 draws, 10 different)" in made.out


def test_tokens_of_chat_formats_are_counted_stored_and_in_no_export(remote: Path, rollmill: Run) -> None:
    def chatting(number: int, asked: dict[str, Any]) -> Trick:
        reply = reply_to(asked)
        said = reply["choices"][0]["message"]["content"]
        thought = "" if number % 4 else "So it is.\n</think>\n"
        reply["choices"][0]["message"]["content"] = f"<|im_start|>assistant\n{thought}{said}\n<|im_end|>"
        return body(reply)

    with Serving(chatting) as server:
        made = rollmill("curate", "remote.yaml", "--direct", *profile(server))
    assert made.status == 0, made.err
    assert "40 of 40 replies hold special tokens of a chat format: give stop" in made.out
    assert "10 of 40 replies hold one mark of a thought without the other" in made.out
    exported = rollmill("dataset", "export", "remote", "--format", "sft", "--out", "rows.jsonl")
    assert "special tokens of chat formats around the text of a completion" in exported.out + exported.err
    rows = [json.loads(line)["messages"][-1]["content"] for line in Path("rows.jsonl").read_text().splitlines()]
    assert len(rows) > 10
    assert [text for text in rows if "<|" in text or "think>" in text or not text.strip()] == []
    stored = duckdb.connect(str(next((remote / "datasets/remote").glob("v1-*/dataset.duckdb"))), read_only=True)
    assert stored.sql("select count(*) from rollouts where text like '%<|im_end|>'").fetchall() == [(40,)]
    stored.close()
