"""The SQL of accepted outcomes says what the policies say, on every combination of verdicts there, missing or of others."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipelines.verify.acceptance import POLICIES, accepted_verdict, planned_verdict
from storage.acceptance import accepted_sql, goes_by_other_verdicts, planned_sql
from storage.records import Verdict
from storage.segments.keys import SegmentKey
from storage.workspace import Workspace

CHAIN = [["number", "1"], ["math", "2"], ["judge", "3"]]
SAID: tuple[tuple[Any, float | None], ...] = (
    ("correct", None),
    ("correct", 0.3),
    ("incorrect", None),
    ("incorrect", 0.7),
    ("unparsed", None),
    ("undecided", None),
    (None, None),  # no verdict
)
RULES: list[tuple[str, dict[str, Any]]] = [
    ("first_decided", {}),
    ("all_of", {}),
    ("all_of", {"over": ["judge", "number"]}),
    ("any_of", {}),
    ("any_of", {"over": ["math"]}),
    ("majority", {}),
    ("majority", {"over": ["number", "math"]}),
    ("min_value", {"least": 0.5}),
    ("min_value", {"least": 1.0, "over": ["math", "judge"]}),
    ("prefer", {"order": ["judge"]}),
    ("prefer", {"order": ["math", "number"], "over": ["math", "number"]}),
]


def test_every_policy_is_in_the_table() -> None:
    assert {name for name, _ in RULES} == set(POLICIES)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every combination of what three verifiers said, and verdicts of versions that do not count."""
    rows: dict[str, dict[tuple[str, str], Verdict]] = {}
    every: dict[tuple[str, str], list[Verdict]] = {}
    for number, combination in enumerate(product(SAID, repeat=3)):
        cid = f"c{number}"
        rows[cid] = {}
        for (name, version), (outcome, value) in zip(CHAIN, combination, strict=True):
            if outcome is not None:
                verdict = Verdict(cid, "p", name, version, outcome, "rule", None, value)
                rows[cid][name, version] = verdict
                every.setdefault((name, version), []).append(verdict)
            every.setdefault((name, "0"), []).append(Verdict(cid, "p", name, "0", "correct", "older"))
    folder: Path = tmp_path_factory.mktemp("judged")
    with Workspace.init(folder) as ws:
        for (name, version), verdicts in every.items():
            ws.segments.commit(SegmentKey("verdicts", name, version, "all"), verdicts)
        yield ws, rows


@pytest.mark.parametrize(("method", "options"), RULES)
def test_the_sql_is_the_policy(judged: Any, method: str, options: dict[str, Any]) -> None:
    ws, rows = judged
    policy = POLICIES[method](**options)
    recipe = {
        "accept": {"method": method, "options": options},
        "resolved": {"verifiers": CHAIN, "policy": [policy.name, policy.version]},
    }
    connection = ws.segments.connect()
    try:
        rows_read = connection.execute(accepted_sql(recipe)).fetchall()
    finally:
        connection.close()
    by_sql = {
        cid: (verdict["outcome"], verdict["verifier"], verdict["version"])
        for cid, _, verdict in rows_read
        if verdict is not None
    }
    chain = [(name, version) for name, version in CHAIN]
    by_policy = {cid: accepted_verdict(policy, chain, verdicts) for cid, verdicts in rows.items()}
    assert by_sql == {cid: (v.outcome, v.verifier, v.version) for cid, v in by_policy.items() if v is not None}
    assert 0 < len(by_sql) < len(rows)


def test_a_policy_of_the_users_own_is_pending_until_the_run_decides(judged: Any) -> None:
    ws, _ = judged
    recipe = {"accept": {"method": "mine.py:Mine", "options": {}}, "resolved": {"verifiers": CHAIN}}
    connection = ws.segments.connect()
    try:
        assert connection.execute(accepted_sql(recipe)).fetchall() == []
    finally:
        connection.close()


@pytest.mark.parametrize(("method", "options"), RULES)
@pytest.mark.parametrize("waits", [0, 2])
def test_what_a_plan_went_by_knows_no_vote(judged: Any, method: str, options: dict[str, Any], waits: int) -> None:
    """The verdicts of one verifier wait for votes; another policy accepts in the end."""
    ws, rows = judged
    policy = POLICIES[method](**options)
    chain = [(name, f"1+plan=ab{version}" if place == waits else version) for place, (name, version) in enumerate(CHAIN)]
    recipe = {
        "accept": {"method": "any_of", "options": {}, "planned_under": {"method": method, "options": options}},
        "resolved": {"verifiers": [list(key) for key in chain]},
    }
    before = tuple(CHAIN[waits])
    later = [
        Verdict(cid, "p", *chain[waits], verdicts[before].outcome, "votes")
        for cid, verdicts in rows.items()
        if before in verdicts
    ]
    ws.segments.commit(SegmentKey("verdicts", *chain[waits], "all"), later)
    connection = ws.segments.connect()
    try:
        rows_read = connection.execute(planned_sql(recipe)).fetchall()
    finally:
        connection.close()
    by_sql = {cid: verdict["outcome"] for cid, _, verdict in rows_read if verdict is not None}
    by_policy = {cid: planned_verdict(policy, chain, verdicts) for cid, verdicts in rows.items()}
    assert by_sql == {cid: verdict.outcome for cid, verdict in by_policy.items() if verdict is not None}
    assert goes_by_other_verdicts(recipe)
    assert not goes_by_other_verdicts({"resolved": {"verifiers": CHAIN}})
