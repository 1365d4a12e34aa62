"""A key in another spelling, or a piece of it, is hidden in replies and messages, and refused in versions."""

import base64
import html
import json
import random
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.ground.secret_texts.key_search import KeySearch
from rollmill.ground.secret_texts.known_keys import environment_keys, file_keys
from rollmill.storage.versions.leaks import refuse_in_snapshot
from tests.flows.conftest import Run, rollmill, ten_sums  # noqa: F401 (fixtures)
from tests.pipelines.generate.http.serving import Serving, body, reply_to
from tests.shared_data import shared_data
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security

LETTERS = string.ascii_letters + string.digits
ALL = "MY_KEY"
RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 64}
budget: {method: fixed, options: {initial: 4}}
select: {method: all_correct}
gate: {min_kept: 1}
"""


def made_keys(seed: int) -> dict[str, str]:
    """Keys as providers make them: lengths, alphabets and public beginnings."""
    rng = random.Random(seed)

    def letters(count: int, alphabet: str = LETTERS) -> str:
        return "".join(rng.choices(alphabet, k=count))

    return {
        "openai": "sk-proj-" + letters(43),
        "openai, long": "sk-proj-" + letters(156, LETTERS + "-_"),
        "hugging face": "hf_" + letters(34),
        "aws id": "AKIA" + letters(16, string.ascii_uppercase + string.digits),
        "aws secret": letters(40, LETTERS + "+/"),
        "hexadecimal": letters(64, "0123456789abcdef"),
        "prefect": "pnu_" + letters(36),
        "small letters": letters(24, string.ascii_lowercase),
        "a webhook": f"https://hooks.example.com/services/T{letters(8)}/B{letters(10)}/{letters(24)}",
        "twenty": letters(20),
    }


def spelled(key: str) -> Iterator[tuple[str, str]]:
    """A key in the spellings that servers, gateways and logs give it."""
    data = key.encode()
    yield "as it is", key
    yield "URL-encoded", quote(key, safe="")
    yield "URL-encoded twice", quote(quote(key, safe=""), safe="")
    yield "every letter URL-encoded, twice", quote("".join(f"%{byte:02X}" for byte in data), safe="")
    for shift in range(3):
        yield f"base64, {shift}", base64.b64encode(b"abc"[:shift] + data + b"tail").decode()
        yield f"base64url, {shift}", base64.urlsafe_b64encode(b"abc"[:shift] + data).decode().rstrip("=")
    yield "basic", "Basic " + base64.b64encode(b"user:" + data).decode()
    yield "base64 of JSON", base64.b64encode(json.dumps({"key": key}).encode()).decode()
    yield "base64 twice", base64.b64encode(base64.b64encode(data)).decode()
    yield "base64 of UTF-16", base64.b64encode(key.encode("utf-16-le")).decode()
    yield "base64 in lines", base64.encodebytes(data * 2).decode()
    yield "hexadecimal", data.hex()
    yield "hexadecimal, apart", data.hex(":").upper()
    yield "hexadecimal, as code", ", ".join(f"0x{byte:02x}" for byte in data)
    yield "JSON", key.replace("/", "\\/").replace("-", "\\u002d")
    yield "JSON, every letter", "".join(f"\\u{byte:04x}" for byte in data)
    yield "escapes", "".join(f"\\x{byte:02x}" for byte in data)
    yield "entities", "".join(f"&#{byte};" for byte in data)
    yield "entities, hexadecimal", "".join(f"&#x{byte:X};" for byte in data)
    yield "entities of marks", html.escape(key).replace("-", "&#45;").replace("/", "&sol;").replace("_", "&lowbar;")
    yield "quoted-printable", "=\n".join(key[at : at + 7] for at in range(0, len(key), 7))
    yield "quoted-printable, every letter", "".join(f"={byte:02X}" for byte in data)
    yield "backwards", key[::-1]
    yield "spaces", " ".join(key)
    yield "lines", "\n".join(key[at : at + 5] for at in range(0, len(key), 5))
    yield "nothing wide", "\u200b".join(key)
    yield "full width", "".join(chr(ord(letter) + 0xFEE0) for letter in key)
    yield "capitals", key.upper()
    yield "small", key.lower()
    yield "cut", key[1:-1]
    yield "cut more", key[2:-2]
    yield "quoted", "`".join(key)


@pytest.mark.parametrize("kind", made_keys(1))
def test_every_spelling_is_found_and_hidden(kind: str) -> None:
    for seed in range(3):
        key = made_keys(seed)[kind]
        search = KeySearch({ALL: key})
        for name, text in spelled(key):
            said = f"The answer is 12. Sent {text} and more words."
            assert search.found(said) == ALL, (name, said)
            hidden = search.hide(said)
            assert search.found(hidden) is None, (name, hidden)
            # A letter beside it may be hidden with it, where it continues the key by chance.
            assert hidden.startswith("The answer is 12. "), (name, hidden)
            assert hidden.endswith(" more words."), (name, hidden)
            # What is left of it is less than a piece: a user's name, a public beginning, a letter at an end.
            left = hidden.removeprefix("The answer is 12. ").removesuffix(" more words.").replace("[hidden]", "")
            assert len(left) < 28, (name, hidden)


@pytest.mark.parametrize("kind", sorted(set(made_keys(1)) - {"a webhook", "small letters"}))
def test_any_twelve_letters_of_a_random_key_are_the_key(kind: str) -> None:
    key = made_keys(2)[kind]
    search = KeySearch({ALL: key})
    public = {"openai": 8, "openai, long": 8, "hugging face": 3, "aws id": 4, "prefect": 4}.get(kind, 0)
    pieces = [key[at : at + 12] for at in range(public, len(key) - 11)]
    missed = [piece for piece in pieces if search.found(f"it begins {piece}, they said") is None]
    # Pieces that read as one word with one number, or hold many marks, are found with their neighbours alone.
    assert len(missed) <= 0.06 * len(pieces), missed


def test_public_beginnings_words_and_numbers_are_no_pieces() -> None:
    keys = {**made_keys(1), "words": "password-for-production-2024", "numbers": "314159265358979323846264338327"}
    search = KeySearch(keys)
    for text in (
        "export OPENAI_API_KEY=sk-proj-YOUR_KEY_HERE", "hf_xxxxxxxxxxxxxxxxxxxxxxxx", "a password for production in 2024",
        "3.14159265358979", "https://hooks.example.com/services/ is where webhooks go", "AKIA is how keys begin", "",
    ):  # fmt: skip
        assert search.found(text) is None, text
        assert search.hide(text) == text
    assert search.found("it is password-for-production-2024") == "words"
    assert search.found("it is " + base64.b64encode(b"password-for-production-2024").decode()) == "words"


@pytest.mark.data
def test_no_real_rollout_holds_a_key_by_chance() -> None:
    """Every third of 12,748 rollouts and all of 3,040 others, each against 70 keys."""
    rows = pq.read_table(shared_data("mathcoder_rollouts.parquet"))["messages"].to_pylist()[::3]
    for name in ("gsm8k_rollouts.jsonl", "math_rollouts.jsonl"):
        rows += [json.loads(line)["text"] for line in shared_data(name).read_text().splitlines()]
    keys = {f"{name} {seed}": key for seed in range(7) for name, key in made_keys(seed).items()}
    search = KeySearch(keys)
    assert [row[:200] for row in rows if search.found(row) is not None] == []


def test_a_reply_with_a_spelled_key_leaves_no_trace(
    ten_sums: Path,  # noqa: F811
    rollmill: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Content, reasoning, model, finish reason: in no row, no export, no line; and the command goes on."""
    key = made_keys(5)["openai"]
    monkeypatch.setenv("TOY_KEY", key)
    texts = [text for _, text in spelled(key)]

    def echo(number: int, asked: dict[str, Any]) -> Any:
        reply = reply_to(asked)
        choice, text = reply["choices"][0], texts[number % len(texts)]
        choice["message"] |= {"content": f"{text} {choice['message']['content']}", "reasoning": f"I hold {text}"}
        choice["finish_reason"] = f"stop {text}"
        return body({**reply, "model": text, "system_fingerprint": text})

    (ten_sums / "remote.yaml").write_text(RECIPE)
    with Serving(echo) as server:
        (ten_sums / "p.yaml").write_text(f"servers: [{{url: {server.url}, key_env: TOY_KEY}}]\n")
        done = rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml", "--json")
    assert done.status == 0, done.err
    for fmt in ("sft", "completions"):
        rollmill("dataset", "export", "remote", "--format", fmt, "--out", f"{fmt}.jsonl")
    search = KeySearch({ALL: key})
    files = [path for path in ten_sums.rglob("*") if path.suffix in (".jsonl", ".json", ".md", ".html")]
    assert {path.name for path in files} >= {"sft.jsonl", "manifest.json", "README.md"}
    for path in files:
        for line in path.read_text().splitlines():
            assert search.found(line) is None, (path, line)
    assert "[hidden]" in (ten_sums / "sft.jsonl").read_text()
    for path in ten_sums.rglob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            assert search.found(json.dumps(row, default=str)) is None, path


@pytest.mark.parametrize("name", ["base64, 1", "URL-encoded twice", "hexadecimal", "lines", "cut more", "backwards"])
def test_a_version_with_a_spelled_key_is_refused(name: str) -> None:
    key = made_keys(6)["hugging face"]
    text = dict(spelled(key))[name]
    snapshot = build()
    table = snapshot.completions
    values = table["text"].to_pylist()
    values[1] = f"{values[1]} {text}"
    at = table.schema.get_field_index("text")
    leaking = replace(snapshot, completions=table.set_column(at, table.schema.field(at), pa.array(values, pa.string())))
    with pytest.raises(FoundWanting, match=r"the key in MY_KEY stands in rollouts\.text, first of 0") as caught:
        refuse_in_snapshot(leaking, {}, {"OTHER": made_keys(7)["prefect"], ALL: key})
    assert text not in str(caught.value)
    with pytest.raises(FoundWanting, match=r"stands in README\.md"):
        refuse_in_snapshot(snapshot, {"README.md": f"# Card\n{text}"}, {ALL: key})
    refuse_in_snapshot(snapshot, {"README.md": "# Card"}, {ALL: key})


def test_which_variables_and_files_hold_secrets(tmp_path: Path) -> None:
    keys = made_keys(8)
    environment = {
        "OPENAI_API_KEY": keys["openai"], "HF_TOKEN": keys["hugging face"], "AWS_SECRET_ACCESS_KEY": keys["aws secret"],
        "PREFECT_API_KEY": keys["prefect"], "ROLLMILL_REWARD_TOKEN": keys["twenty"], "SLACK_WEBHOOK": keys["a webhook"],
        "DATABASE_URL": "postgresql://me:s3cr3t%2Fpassw0rd@db/x",
    }  # fmt: skip
    others = {"HOME": "/root", "SSH_KEY_PATH": "/root/.ssh/id", "TOKENIZERS_PARALLELISM": "false", "MONKEY": keys["twenty"],
              "API_KEY": "EMPTY", "MY_TOKEN": "/run/token", "PG": "postgresql://postgres:postgres@db/x"}  # fmt: skip
    found = environment_keys({**environment, **others})
    assert found == {**environment, "DATABASE_URL": "s3cr3t/passw0rd"}
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config.local").write_text(f"['remote \"r\"']\n    password = {keys['twenty']}\n    user = me\n")
    (tmp_path / "rollmill.toml").write_text('ledger = "postgresql://me:An0ther%2Fone@db/x"\n')
    assert set(file_keys(tmp_path).values()) == {keys["twenty"], "An0ther/one"}
