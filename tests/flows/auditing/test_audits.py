"""Audits of the toy run: drawn as a pure function, extended, judged, and reported against the truth that the toy knows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.flows.auditing.audits import AuditRequest, natural_audit, refreshed_rates
from rollmill.flows.auditing.planted import planted_audit
from rollmill.ground.errors import SetupError
from rollmill.storage.audits import Judgement, PersonJudgement
from rollmill.storage.queries import Reader, run_scope, scope_rates, version_card, version_manifest
from rollmill.storage.queries.judge.audited import kept_set_of
from rollmill.storage.queries.judge.audits import bound_of, known_rates, rates_of_audit
from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def reader(toy: Path, curated: Curated) -> Iterator[Reader]:
    """Of the curated toy recipe."""
    curated()
    with Reader.open(toy) as opened:
        yield opened


def judge_all(reader: Reader, audit: str, judge: str = "ann", limit: int | None = None) -> None:
    """The toy's verifier is right, but for every seventh item, where the person says the contrary."""
    results = []
    for item in reader.audits.items(audit)[:limit]:
        right = (item.outcome == "correct") != (item.ordinal % 7 == 6)
        judgement: Judgement = "correct" if right else "incorrect"
        results.append(PersonJudgement(item.completion_id, item.problem_id, judge, judgement))
    reader.audits.judge(results)


def test_drawing_is_repeatable_and_the_ledger_keeps_it(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("number", n=40))
    assert natural_audit(reader, AuditRequest("number", n=40)) == audit
    assert natural_audit(reader, AuditRequest("number", n=10)) == audit  # a smaller one is its beginning
    items = reader.audits.items(audit.id)
    sizes = {row["name"]: row["size"] for row in audit.design["strata"]}
    assert len(items) == 40
    assert sum(1 / item.probability for item in items) == pytest.approx(audit.design["population"])
    assert sum(sizes.values()) == audit.design["population"]
    assert audit.design["raw"]["n"] == 12
    assert sum(row["weight"] for row in audit.design["strata"]) == pytest.approx(1.0)


def test_a_dry_run_writes_nothing(reader: Reader) -> None:
    natural_audit(reader, AuditRequest("number"), dry_run=True)
    assert reader.audits.list() == []


def test_an_audit_is_extended_and_keeps_what_was_judged(reader: Reader) -> None:
    small = natural_audit(reader, AuditRequest("number", n=20))
    judge_all(reader, small.id)
    large = natural_audit(reader, AuditRequest("number", n=40))
    assert large.id == small.id
    report = refreshed_rates(reader, large)
    assert (report["drawn"], report["n"]) == (40, 20)


def test_two_seeds_are_one_sample(reader: Reader) -> None:
    first, second = (
        natural_audit(reader, AuditRequest("number", n=30)),
        natural_audit(reader, AuditRequest("number", n=30, seed=2)),
    )
    judge_all(reader, first.id)
    judge_all(reader, second.id)
    report = refreshed_rates(reader, second)
    both = {item.pair for audit in (first, second) for item in reader.audits.items(audit.id)}
    assert report["n"] == len(both) > 30
    assert report["audits"] == sorted([first.id, second.id])


def test_everything_judged_gives_the_true_rates_without_width(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("chain", n=10_000))
    judge_all(reader, audit.id)
    items = reader.audits.items(audit.id)
    assert {item.probability for item in items} == {1.0}
    wrong = [item for item in items if item.ordinal % 7 == 6]
    accepted = sum(item.outcome == "correct" for item in items)
    false = sum(item.outcome == "correct" for item in wrong)
    overall = refreshed_rates(reader, audit)["overall"]
    assert overall["precision_accepted"]["value"] == pytest.approx(1 - false / accepted)
    assert overall["share_right"]["value"] == pytest.approx((accepted - false + len(wrong) - false) / len(items))
    assert overall["share_right"]["high"] == pytest.approx(overall["share_right"]["low"], abs=1e-6)
    assert overall["false_accepts_seen"] == false


def test_the_corrected_pass_rate_of_everything_judged_is_that_of_the_people(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("chain", n=10_000))
    judge_all(reader, audit.id)
    items = reader.audits.items(audit.id)
    right = {item.pair: (item.outcome == "correct") != (item.ordinal % 7 == 6) for item in items}
    rate = refreshed_rates(reader, audit)["pass_rate"]
    sums = audit.design["clusters"]["sums"]
    assert sum(size for _, size in sums) == 12
    assert rate["verifier"]["value"] == pytest.approx(sum(total for total, _ in sums) / 12)
    assert rate["corrected"]["value"] == pytest.approx(sum(item.weight * right[item.pair] for item in items))
    assert rate["corrected"]["clusters"] == rate["verifier"]["clusters"] == len(sums)


def test_an_audit_from_before_clusters_were_kept_gets_them(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("number", n=60))
    judge_all(reader, audit.id)
    whole = refreshed_rates(reader, audit)
    old = {key: value for key, value in audit.design.items() if key != "clusters"}
    stripped = reader.audits.save(replace(audit, design=old), reader.audits.items(audit.id))
    assert rates_of_audit(reader.audits, stripped)["pass_rate"]["corrected"] is None
    assert refreshed_rates(reader, stripped) == whole
    assert reader.audits.get(audit.id).design == audit.design


def test_rates_are_found_under_the_verifier_and_its_version(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("number", n=60))
    key = (audit.verifier, audit.version)
    assert known_rates(reader.audits, [key])[0].report is None
    judge_all(reader, audit.id)
    refreshed_rates(reader, audit)
    (known,) = known_rates(reader.audits, [key], audit.source)
    assert (known.audit, known.source) == (audit.id, audit.source)
    assert known.bound == reader.audits.get(audit.id).report["overall"]["false_accept_rate"]["high"]
    assert bound_of([known]) == known.bound
    assert bound_of([known, *known_rates(reader.audits, [("number", "other")])]) is None


def test_reviewers_who_differ_leave_the_truth_open(reader: Reader) -> None:
    audit = natural_audit(reader, AuditRequest("number", n=60))
    judge_all(reader, audit.id)
    first = reader.audits.items(audit.id)[0]
    other: Judgement = "incorrect" if first.outcome == "correct" else "correct"
    reader.audits.judge([PersonJudgement(first.completion_id, first.problem_id, "ben", other)])
    report = refreshed_rates(reader, audit)
    assert report["unsure"] == 1
    assert report["reviewers"]["judged"] == {"ann": 60, "ben": 1}
    assert report["reviewers"]["agreement"]["value"] == 0.0


def test_what_cannot_be_audited_is_said(reader: Reader) -> None:
    with pytest.raises(SetupError, match="unknown verifier of a finished run 'nmber'"):
        natural_audit(reader, AuditRequest("nmber"))
    with pytest.raises(SetupError, match="Did you mean 'number'"):
        natural_audit(reader, AuditRequest("numbr", run=reader.runs.list()[0].id))
    with pytest.raises(SetupError, match="measures nothing"):
        natural_audit(reader, AuditRequest("number", n=0))


def test_planted_errors_are_rejected_and_labelled_a_stress_test(reader: Reader) -> None:
    audit = planted_audit(reader, AuditRequest("number", n=30))
    kinds = audit.report["kinds"]
    assert "stress test" in audit.report["label"]
    assert {"digit", "sign", "off_by_one", "reformatted"} <= set(kinds)
    for kind, row in kinds.items():
        assert row["expected"] == ("accepted" if kind == "reformatted" else "rejected")
        assert row["rate"] is None or row["rate"]["low"] < 1.0
    assert kinds["digit"]["as_expected"] == kinds["digit"]["n"] > 0
    assert reader.audits.get(audit.id) == audit
    (known,) = known_rates(reader.audits, [(audit.verifier, audit.version)])
    assert (known.report, known.bound) == (None, None)  # never a correction
    assert known.planted is not None
    assert known.planted["kinds"]["digit"]["n"] == kinds["digit"]["n"]


def test_planting_is_repeatable(reader: Reader) -> None:
    first = planted_audit(reader, AuditRequest("number", n=10), dry_run=True)
    assert planted_audit(reader, AuditRequest("number", n=10), dry_run=True) == first
    assert reader.audits.list() == []


def test_rates_reach_the_next_version_and_withhold_pass_at_k(reader: Reader, rollmill: Run) -> None:
    folder = str(reader.root)
    first = version_manifest(reader, "toy@v1")
    assert [rate_row["report"] for rate_row in first["verifier_rates"]] == [None]
    assert first["metrics"]["pass_at_limit"]["largest_k"] is None
    assert list(first["metrics"]["overall"]["pass_at"]) == ["1", "2", "4"]
    assert "**not audited**" in version_card(reader, "toy@v1")
    audit = natural_audit(reader, AuditRequest("number", n=70))
    judge_all(reader, audit.id)  # every seventh verdict is wrong: a bound far above .1 / 2
    refreshed_rates(reader, audit)
    again = ("-C", folder, "curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1")
    assert rollmill(*again).status == 0
    second = version_manifest(reader, "toy@v2")
    (known,) = second["verifier_rates"]
    assert (known["verifier"], known["audit"], known["report"]["n"]) == ("number", audit.id, 70)
    bound = known["report"]["overall"]["false_accept_rate"]["high"]
    limit = second["metrics"]["pass_at_limit"]
    assert limit["false_accept_bound"] == bound > 0.1
    assert limit["largest_k"] == 0
    assert second["metrics"]["overall"]["pass_at"] == {}
    card = version_card(reader, "toy@v2")
    assert "70 rollouts of another run" in card
    assert "which has the same rollouts and outcomes" in card
    kept = known["report"]["overall"]["precision_kept"]
    assert kept["method"].endswith("of a domain")
    assert kept["n"] <= len(reader.audits.items(audit.id))
    assert "pass_at_limit.why | shown up to .1" in card
    assert (first["gate_attempts"], second["gate_attempts"]) == (
        {"attempts": 1, "passed": 1},
        {"attempts": 2, "passed": 2},
    )


def test_a_failed_gate_and_a_repeated_one_count_as_what_they_are(reader: Reader, rollmill: Run) -> None:
    curate = ("-C", str(reader.root), "curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1")
    assert rollmill(*curate, "--set", "gate.min_kept=1000").status == 1
    assert rollmill(*curate, "--set", "gate.min_kept=1000").status == 1
    assert rollmill(*curate).status == 0
    assert version_manifest(reader, "toy@v2")["gate_attempts"] == {"attempts": 3, "passed": 2}
    assert "| 3, of which 2 passed |" in version_card(reader, "toy@v2")


def test_an_audit_serves_every_selection_from_its_rollouts(reader: Reader, rollmill: Run) -> None:
    """Every rollout judged: the precision of the smaller kept set is that of its members, exactly."""
    audit = natural_audit(reader, AuditRequest("number", n=10_000))
    judge_all(reader, audit.id)
    curate = ("-C", str(reader.root), "curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1")
    assert rollmill(*curate).status == 0
    run = reader.runs.list()[0]
    assert run.id != audit.source
    scope = run_scope(reader, run.id)
    kept = kept_set_of(scope)
    wrong = {item.pair for item in reader.audits.items(audit.id) if item.ordinal % 7 == 6}
    (known,) = scope_rates(scope)
    precision = known.report["overall"]["precision_kept"] if known.report else {}
    assert known.own
    assert precision["n"] == len(kept.kept) == 12
    assert precision["value"] == pytest.approx(1 - len(wrong & set(kept.kept)) / 12)
