"""`rollmill reward serve`, asked as its callers do: order, limits of bodies and queue, deadlines, tokens, who may ask."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

import rollmill
from rollmill import SetupError
from rollmill.flows.rewards import bodies
from rollmill.flows.rewards.reward_server import RewardService, make_app, token_of

TOYS = "tests.flows.rewards.toys"
LOCAL = "http://127.0.0.1:8600"
TOKEN = "a-token-of-many-letters"
RIGHT = {"completion": "4", "reference": "4"}


@contextmanager
def served(name: str = "Plain", *, remote: bool = False, **options: Any) -> Iterator[TestClient]:
    with (
        rollmill.reward(f"{TOYS}:{name}", **options) as reward,
        TestClient(make_app(RewardService(reward, TOKEN, remote)), base_url=LOCAL) as client,
    ):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def values(client: TestClient, **body: Any) -> list[Any]:
    answer = client.post("/v1/judge", json=body)
    assert answer.status_code == 200, answer.text
    return [reward["value"] for reward in answer.json()["rewards"]]


def test_rewards_come_in_the_order_of_the_items() -> None:
    items = [{"completion": str(number), "reference": 4} for number in range(200)]
    with served() as client:
        assert values(client, items=items) == [float(number == 4) for number in range(200)]
        assert values(client, items=[]) == []
        turns = [{"role": "assistant", "content": "4"}]
        answer = client.post("/v1/judge", json={"items": [{"completion": turns, "reference": "4", "prompt": "?"}]})
        assert answer.json()["rewards"][0] | {"version": "1", "seconds": 0} == {
            "value": 1.0, "outcome": "correct", "cause": "", "rule": "same", "verifier": "plain", "version": "1",
            "extracted": "", "seconds": 0,
        }  # fmt: skip


def test_a_text_with_half_a_character_is_a_text() -> None:
    body = json.dumps({"items": [{"completion": "\ud800", "reference": "4"}, RIGHT]})
    with served() as client:
        answer = client.post("/v1/judge", content=body, headers={"Content-Type": "application/json"})
    assert [reward["outcome"] for reward in answer.json()["rewards"]] == ["incorrect", "correct"]


def test_a_deadline_gives_undecided_and_no_zero() -> None:
    with served("Slow") as client:
        answer = client.post("/v1/judge", json={"items": [RIGHT], "deadline_ms": 10})
        [reward] = answer.json()["rewards"]
        assert (reward["value"], reward["outcome"], reward["cause"]) == (None, "undecided", "deadline")
        assert values(client, items=[RIGHT], deadline_ms=60_000) == [1.0]


def test_a_full_queue_is_429_and_says_when_to_come_again() -> None:
    with served("Slow", most_waiting=2, workers=1) as client:
        first: list[Any] = []
        items = [{"completion": str(number), "reference": "4"} for number in (4, 5)]
        asker = threading.Thread(target=lambda: first.extend(values(client, items=items)))
        asker.start()
        while client.get("/health").json()["waiting"] < 2:
            pass
        full = client.post("/v1/judge", json={"items": [{"completion": "6", "reference": "4"}]})
        asker.join()
        assert full.status_code == 429
        assert 1 <= int(full.headers["Retry-After"]) <= 60
        assert first == [1.0, 0.0]
        assert values(client, items=[RIGHT]) == [1.0]
        assert client.post("/v1/judge", json={"items": [RIGHT] * 3}).status_code == 413
        assert 'rollmill_refused_total{status="429"} 1.0\n' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("{", 400, "the body is not JSON"),
        ("[" * 100_000, 400, "the body is not JSON"),
        ("[]", 422, "the body is not a JSON object"),
        ("{}", 422, "the body has no list `items`"),
        ('{"item": []}', 422, "unknown key 'item'; known: deadline_ms, items, label, step"),
        ('{"items": ["4"]}', 422, "item 0 is not a JSON object"),
        ('{"items": [{"reference": "4"}]}', 422, "item 0 has no completion"),
        ('{"items": [{"completion": 4}]}', 422, "item 0: completion is a int"),
        ('{"items": [{"completion": "4", "reference": true}]}', 422, "item 0: reference is a bool"),
        ('{"items": [{"completion": "4"}]}', 422, "item 0 has the reference 'None' and no problem_id"),
        ('{"items": [{"completion": [{"a": 1}], "reference": "4"}]}', 422, "a turn has no role or no content"),
        ('{"items": [], "deadline_ms": -1}', 422, "deadline_ms is not a number of milliseconds"),
        ('{"items": [], "deadline_ms": NaN}', 422, "deadline_ms is not a number of milliseconds"),
        ('{"items": [], "step": "3"}', 422, "label is a text, and step a whole number"),
    ],
)
def test_a_mistake_gets_a_status_and_a_sentence(body: str, status: int, detail: str) -> None:
    with served() as client:
        answer = client.post("/v1/judge", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_a_body_is_read_to_its_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_BYTES", 1 << 20)
    with served() as client:
        body = json.dumps({"items": [RIGHT], "label": "x" * (1 << 20)})
        answer = client.post("/v1/judge", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (413, {"detail": "the body has more than 1 MiB"})


def test_nobody_asks_without_the_token() -> None:
    header: Any
    with served(remote=True) as client:
        del client.headers["Authorization"]
        for header in (
            {},
            {"Authorization": TOKEN},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": b"Bearer \xe9"},
        ):
            for given in (
                client.post("/v1/judge", json={"items": []}, headers=header),
                client.get("/metrics", headers=header),
            ):
                assert given.status_code == 401
                assert TOKEN not in given.text
        assert client.post("/v1/judge", json={"items": []}, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/health", headers={"Host": "gpu7.example"}).json() == {"ok": True}


def test_a_web_page_cannot_ask() -> None:
    with served() as client:
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 403
        plain = client.post("/v1/judge", content='{"items": []}', headers={"Content-Type": "text/plain"})
        assert plain.status_code == 415
    with served(remote=True) as client:
        assert client.get("/health", headers={"Origin": "http://evil.example"}).status_code == 403


def test_openrlhf_reads_three_lists_and_never_a_silent_zero() -> None:
    body = {"query": ["2+2?4</s>", "2+2?5</s>", "cut"], "prompts": ["2+2?"] * 3, "labels": ["4"] * 3}
    with served(undecided=0.5) as client:
        assert client.post("/openrlhf", json=body).json() == {
            "rewards": [1.0, 0.0, 0.5], "scores": [1.0, 0.0, 0.5], "extra_logs": {"undecided": [0.0, 0.0, 1.0]}
        }  # fmt: skip
        wrong = client.post("/openrlhf", json={**body, "labels": []})
        assert (wrong.status_code, wrong.json()["detail"]) == (
            422,
            "query, prompts and labels are not three lists of one length",
        )
    with served() as client:
        refused = client.post("/openrlhf", json=body)
        assert refused.status_code == 422
        assert "rollmill reward serve RECIPE --undecided NUMBER" in refused.json()["detail"]


def test_counts_are_in_the_format_of_prometheus() -> None:
    with served("Raising") as client:
        client.post("/v1/judge", json={"items": [RIGHT, {"completion": "bad", "reference": "4"}]})
        text = client.get("/metrics").text
    lines = [line for line in text.splitlines() if not re.match(r"#|\w+_created", line)]
    assert lines[:3] == [
        'rollmill_rewards_total{outcome="correct"} 1.0',
        'rollmill_rewards_total{outcome="undecided"} 1.0',
        "rollmill_waiting 0.0",
    ]
    assert lines[3].startswith('rollmill_request_seconds{quantile="0.5"} 0.')
    families = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert families["rollmill_rewards"] == families["rollmill_refused"] == "counter"
    assert families["rollmill_waiting"] == families["rollmill_request_seconds"] == "gauge"


def test_the_interface_is_described_to_who_has_the_secret_and_loads_no_page() -> None:
    with served() as client:
        described = client.get("/openapi.json").json()
        assert sorted(described["paths"]) == ["/health", "/metrics", "/openrlhf", "/v1/judge"]
        item = described["components"]["schemas"]["RewardItem"]
        assert item["required"] == ["completion"]
        assert item["properties"]["truncated"]["type"] == "boolean"
        assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
        del client.headers["Authorization"]
        assert client.get("/openapi.json").status_code == 401


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("null", "the body is not a JSON object"),
        ('{"query": ["a", 3], "prompts": ["a", "b"], "labels": [1, 2]}', "item 1: query is a int"),
        ('{"query": ["a"], "prompts": ["a"]}', "query, prompts and labels are not three lists of one length"),
        (
            '{"query": [], "prompts": [], "labels": [], "\\ud800{known}": 1}',
            "unknown key '\\ud800{known}'; known: labels, prompts",
        ),
    ],
)
def test_a_mistake_of_openrlhf_names_its_field(body: str, detail: str) -> None:
    with served(undecided=0.0) as client:
        answer = client.post("/openrlhf", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


def test_an_address_that_others_reach_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert token_of(None, "127.0.0.1") != token_of(None, "127.0.0.1")  # a secret for each start
    with pytest.raises(SetupError, match=r"--host 0\.0\.0\.0 is not loopback"):
        token_of(None, "0.0.0.0")
    with pytest.raises(SetupError, match="the variable REWARD_TOKEN is not set"):
        token_of("REWARD_TOKEN", "0.0.0.0")
    monkeypatch.setenv("REWARD_TOKEN", "short")
    with pytest.raises(SetupError, match="the variable REWARD_TOKEN has 5 characters; a token has 16 at least") as raised:
        token_of("REWARD_TOKEN", "0.0.0.0")
    assert "short" not in str(raised.value)
    monkeypatch.setenv("REWARD_TOKEN", "long-enough-to-be-one")
    assert token_of("REWARD_TOKEN", "0.0.0.0") == "long-enough-to-be-one"
