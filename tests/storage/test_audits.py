"""Audits and judgements in the ledger, stored whole and found by verifier; and the rules of verifier versions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.audits import Audit, AuditItem, Audits, PersonJudgement, audit_id
from rollmill.storage.workspace import Workspace


@pytest.fixture
def audits(tmp_path: Path) -> Iterator[Audits]:
    with Workspace.init(tmp_path) as workspace:
        yield workspace.audits


def item(ordinal: int, probability: float = 0.5) -> AuditItem:
    return AuditItem(ordinal, f"c{ordinal}", "p", "kept | .8-1 | number", probability, 0.25, "correct")


def audit(seed: int = 1, version: str = "1", source: str = "run") -> Audit:
    return Audit(audit_id("natural", source, "math", version, seed), "math", version, "natural", source, {"n": 2})


def test_an_audit_comes_back_as_it_was(audits: Audits) -> None:
    stored = audits.save(audit(), [item(0), item(1)])
    assert audits.get(stored.id) == stored
    assert audits.get(stored.id[:12]).id == stored.id
    assert audits.items(stored.id) == [item(0), item(1)]
    assert stored.created_at is not None


def test_a_longer_audit_takes_the_place_of_the_shorter(audits: Audits) -> None:
    first = audits.save(audit(), [item(0)])
    second = audits.save(audit(), [item(0, 0.75), item(1, 0.75)])
    assert second.created_at == first.created_at
    assert [item.probability for item in audits.items(first.id)] == [0.75, 0.75]
    assert len(audits.list()) == 1


def test_audits_are_found_by_verifier_version_and_source(audits: Audits) -> None:
    for sample in (audit(), audit(2), audit(1, "2"), audit(1, "1", "other")):
        audits.save(sample)
    assert len(audits.list("math", "1")) == 3
    assert len(audits.list("math", "1", "run")) == 2
    assert audits.list("number") == []


def test_an_unknown_or_ambiguous_audit_is_said(audits: Audits) -> None:
    audits.save(audit())
    audits.save(audit(2))
    with pytest.raises(SetupError, match="begins several audits"):
        audits.get("natural")
    with pytest.raises(SetupError, match="unknown audit 'nonsense'"):
        audits.get("nonsense")


def test_every_reviewer_has_a_say_and_the_last_one_counts(audits: Audits) -> None:
    audits.judge([PersonJudgement("c", "p", "ann", "correct"), PersonJudgement("c", "p", "ben", "incorrect", "sign")])
    audits.judge([PersonJudgement("c", "p", "ann", "unsure"), PersonJudgement("d", "p", "ann", "correct")])
    judgements = audits.judgements([("c", "p")])
    assert [(judgement.judge, judgement.judgement, judgement.note) for judgement in judgements["c", "p"]] == [
        ("ann", "unsure", None),
        ("ben", "incorrect", "sign"),
    ]
    assert audits.judges() == {"ann": 2, "ben": 1}


def test_a_judgement_that_is_none_is_refused_and_nothing_is_stored(audits: Audits) -> None:
    with pytest.raises(SetupError, match="Did you mean 'correct'"):
        audits.judge([PersonJudgement("c", "p", "ann", "correct"), PersonJudgement("d", "p", "ann", "corect")])  # type: ignore[arg-type]
    assert audits.judgements() == {}


def test_judgements_outlive_the_audit_that_drew_them(audits: Audits) -> None:
    stored = audits.save(audit(), [item(0)])
    audits.judge([PersonJudgement("c0", "p", "ann", "correct")])
    audits.save(audit(2), [item(0)])
    audits.record(stored.id, {"n": 1})
    assert audits.get(stored.id).report == {"n": 1}
    assert [item.pair in audits.judgements() for item in audits.items(audit(2).id)] == [True]


def test_an_audit_waits_while_nobody_judged_one_of_its_rollouts(audits: Audits) -> None:
    first, second = audits.save(audit(), [item(0), item(1), item(2)]), audits.save(audit(2), [item(2), item(3)])
    assert audits.waiting() == {first.id: (3, 3), second.id: (2, 2)}
    audits.judge([PersonJudgement("c2", "p", "ann", "unsure"), PersonJudgement("c2", "p", "bob", "correct")])
    audits.judge([PersonJudgement("c0", "another problem", "ann", "correct")])
    assert audits.waiting() == {first.id: (2, 3), second.id: (1, 2)}
    audits.judge([PersonJudgement("c3", "p", "ann", "correct")])
    assert audits.waiting() == {first.id: (2, 3)}


def test_the_rules_of_a_version_stay_as_first_seen(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.verifiers.record({("math", "2"): [("hash", "1"), ("exact", "3")], ("judge", "1"): ()})
        ws.verifiers.record({("math", "2"): [("other", "1")], ("math", "3"): [("hash", "2")]})
        assert ws.verifiers.rules("math", "2") == (("hash", "1"), ("exact", "3"))
        assert ws.verifiers.rules("math", "3") == (("hash", "2"),)
        assert ws.verifiers.rules("judge", "1") == ()
        assert ws.verifiers.rules("math", "1") == ()


def test_words_stand_beside_the_rules_and_come_to_versions_that_have_none(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.verifiers.record({("number", "1"): [("hash", "1"), ("equal", "3")], ("own", "1"): [("rule", "1")]})
        assert (ws.verifiers.unexplained(), ws.verifiers.words("number", "1")) == (["number", "own"], {})
        ws.verifiers.record({("number", "1"): []}, {"number": {"hash": "behind ####", "gone": "never"}, "own": {}})
        assert ws.verifiers.words("number", "1") == {"hash": "behind ####"}
        assert ws.verifiers.rules("number", "1") == (("hash", "1"), ("equal", "3"))
        assert ws.verifiers.unexplained() == ["own"]
        ws.verifiers.explain({"number": {"hash": "later words"}})
        assert ws.verifiers.words("number", "1") == {"hash": "behind ####"}
        assert ws.verifiers.words("number", "2") == {}
