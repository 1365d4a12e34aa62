"""A recipe with engine openai through the command line: profile, money, mistakes in one line, and no key anywhere."""

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.pipelines.generate.http.serving import Serving, Trick, body, reply_to, status

pytestmark = pytest.mark.integration

KEY = "sk-n0where-t0-be-f0und"
RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate:
  engine: openai
  model: toy
  batch_size: 16
  options: {system: Add., revision: r1}
budget: {method: fixed, options: {initial: 4}}
select: {method: all_correct}
"""
PROFILE = """\
servers:
  - {url: URL, key_env: TOY_KEY, concurrency: 8}
http: {backoff_seconds: 0.01, patience: 5}
prices: {input: 1.0, output: 2.0, per: 1, currency: EUR}
"""


@pytest.fixture
def remote(ten_sums: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with ten imported sums and a recipe that asks a server."""
    monkeypatch.setenv("TOY_KEY", KEY)
    (ten_sums / "remote.yaml").write_text(RECIPE)
    return ten_sums


def profile(folder: Path, server: Serving) -> str:
    (folder / "p.yaml").write_text(PROFILE.replace("URL", server.url))
    return "p.yaml"


def assert_no_key(folder: Path, *texts: str) -> None:
    for text in texts:
        assert KEY not in text
    for path in folder.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":  # its pages are compressed
            assert KEY not in str(pq.read_table(path).to_pylist()), path
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall():
                    assert KEY not in str(connection.table(name).fetchall()), (path, name)
    tables = sqlite3.connect(folder / ".rollmill" / "ledger.sqlite")
    assert KEY not in "\n".join(tables.iterdump())
    tables.close()


def test_a_dataset_from_a_server_with_its_tokens_and_money(remote: Path, rollmill: Run) -> None:
    assert rollmill("recipe", "check", "remote.yaml").status == 0
    with Serving(lambda number, _: status(500) if number == 7 else None) as server:
        result = rollmill("curate", "remote.yaml", "--direct", "--profile", profile(remote, server))
        assert result.status == 0, result.err
        assert "40 completions drawn, 160 tokens, 520.0000 EUR;" in result.out
        with Workspace.open(remote) as ws:
            tried = {(attempt.outcome, attempt.count) for attempt in ws.attempts.of(ws.runs.list()[0].id)}
            assert tried == {("ok", 40), ("http_500", 1)}
        count = len(server.bodies)
        again = rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml")
        assert "already has this content: no new version" in again.out
        assert len(server.bodies) == count
        assert {head["Authorization"] for head in server.headers} == {f"Bearer {KEY}"}
        shown = rollmill("runs", "show").out.split()
        assert shown[shown.index("http_500") - 1 :][:3] == [server.url, "http_500", "1"]
        well = rollmill("doctor", "--quick", "--profile", "p.yaml").out.splitlines()
        assert well[-1].split() == ["ok", "servers", server.url, "serves", "toy"]
    gone = rollmill("doctor", "--quick", "--profile", "p.yaml")
    assert gone.status == 1
    assert "no_connection" in gone.out
    offline = rollmill("curate", "remote.yaml", "--direct")
    assert (offline.status, "nothing was drawn" in offline.out) == (0, True)
    assert_no_key(remote, result.out, result.err, again.out, again.err)


def test_a_key_that_the_server_echoes_is_in_no_byte_of_the_workspace(remote: Path, rollmill: Run) -> None:
    """In content, model, finish_reason, system_fingerprint and reasoning of each reply, and in its list of models."""

    def echo(_: int, asked: dict[str, Any]) -> Trick:
        reply = reply_to(asked)
        choice = reply["choices"][0]
        choice["message"] |= {"content": f"{KEY} {choice['message']['content']}", "reasoning": f"Bearer {KEY}"}
        choice["finish_reason"] = f"stop {KEY}"
        return body({**reply, "model": f"{asked['model']} {KEY}", "system_fingerprint": "x" * 190 + KEY})

    with Serving(echo, models=["toy", KEY]) as server:
        result = rollmill("curate", "remote.yaml", "--direct", "--profile", profile(remote, server))
        assert result.status == 0, result.err
        well = rollmill("doctor", "--quick", "--profile", "p.yaml").out
        assert "serves toy, [hidden]" in well
    exported = rollmill("dataset", "export", "remote", "--format", "sft", "--out", "rows.jsonl")
    assert exported.status == 0, exported.err
    assert "[hidden]" in (remote / "rows.jsonl").read_text()
    assert_no_key(remote, result.out, result.err, well)


def test_a_refused_key_ends_in_one_line_and_the_same_command_goes_on(remote: Path, rollmill: Run) -> None:
    refused = status(401, f'{{"error": {{"message": "Incorrect API key provided: {KEY}."}}}}')
    with Serving(lambda number, _: refused if number >= 20 else None) as server:
        result = rollmill("curate", "remote.yaml", "--direct", "--profile", profile(remote, server))
        assert result.status == 2
        assert result.err.splitlines()[-1] == (
            f"rollmill: {server.url} refuses the key (http_401: Incorrect API key provided: [hidden]); every reply "
            "received is kept. Next: put a valid key into TOY_KEY, then the same command again, which asks only for what "
            "is missing"
        )
        assert_no_key(remote, result.out, result.err)
        server.script = None
        count = len(server.bodies)
        assert rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml").status == 0
        assert len(server.bodies) == count + 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servers: [{url: 'ftp://h/v1'}]\n", "p.yaml:1: servers.0.url: a server's url is http://HOST:PORT/v1"),
        ("servers: [{url: 'http://u:p@h/v1', key_env: K}]\n", "a server takes one authorization"),
        ("servers: [{url: 'http://h/v1', key: abc}]\n", "unknown key 'servers.0.key'. Did you mean 'key_env'?"),
        ("servers: [{url: 'http://h/v1', concurrency: 0}]\n", "servers.0.concurrency"),
        ("prices: {input: -1, output: 1}\n", "prices.input"),
        ("http: {attempts: 0}\n", "http.attempts"),
    ],
)
def test_mistakes_in_a_profile_are_named(remote: Path, rollmill: Run, text: str, words: str) -> None:
    (remote / "p.yaml").write_text(text)
    result = rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml")
    assert result.status == 2
    assert words in result.err


def test_mistakes_in_a_recipe_are_named_without_a_server(remote: Path, rollmill: Run) -> None:
    for change, words in (
        ("api: chats", "unknown api of engine openai 'chats'. Did you mean 'chat'?"),
        ("http: {}", "'http' cannot change a row; it belongs in a profile"),
        ("systm: x", "Did you mean 'system'?"),
    ):
        (remote / "remote.yaml").write_text(RECIPE.replace("system: Add.", change))
        result = rollmill("recipe", "check", "remote.yaml")
        assert (result.status, words in result.err) == (2, True), result.err
    (remote / "remote.yaml").write_text(RECIPE)
    result = rollmill("curate", "remote.yaml", "--direct")
    assert (result.status, "names no server for model 'toy'" in result.err) == (2, True)
