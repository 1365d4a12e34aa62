"""The card on verifier errors: every number with n, interval, estimand and method, or the word that nothing is measured."""

from collections.abc import Callable
from typing import Any

from pipelines.stats import Costs, Judgement, Stratum, audit_rates, consequences
from storage.versions.card import card, verifier_section
from storage.versions.manifest import full_manifest
from storage.versions.snapshot import Snapshot

STRATA = [
    Stratum("kept | .8-1 | number", 400, True, ".8-1", "kept", 0.4, 0.001),
    Stratum("incorrect | 0-.05 | number", 600, False, "0-.05", "incorrect", 0.6, 0.001),
]
JUDGED = [Judgement(stratum.name, 0.001, number > 0) for stratum in STRATA for number in range(40)]


def known(source: str = "run-1") -> dict[str, Any]:
    report = audit_rates(STRATA, JUDGED)
    report["consequences"] = consequences(report, [(0.5, 0.1), (0.5, 0.8)], Costs())
    return {"verifier": "math", "version": "7+a|b", "audit": "natural-1", "source": source, "report": report}


def test_measured_rates_stand_by_band_with_n_interval_estimand_and_method() -> None:
    text = verifier_section([known()], "run-1")
    assert "math `7+a/b`: 80 rollouts of this run drawn at random with recorded probabilities and judged by people" in text
    assert "| band | rollouts | audited | false accepts | false rejects | precision of the kept set |" in text
    assert "| all | 1000 | 80 | 0.0168 [" in text
    assert "| .8-1 | 400 | 40 |" in text
    assert "share accepted of the wrong rollouts, n = 80, difference estimator, MOVER of weighted Clopper-Pearson" in text
    assert "the best number of draws is" in text


def test_rates_of_another_run_are_called_so() -> None:
    text = verifier_section([known("other")], "run-1")
    assert "of another run, `other`" in text
    assert "| precision of the set that run kept |" in text


def test_a_stress_test_stands_under_its_label() -> None:
    rate = {"value": 0.5, "low": 0.2, "high": 0.8}
    kinds = {"digit": {"expected": "rejected", "as_expected": 5, "n": 10, "undecided": 0, "rate": rate}}
    planted = {"audit": "planted-1", "source": "run-1", "label": "stress test: corrects nothing", "kinds": kinds}
    said = "A stress test: corrects nothing (intervals over problems): digit 5 of 10 rejected [0.200, 0.800]."
    bare = {"verifier": "math", "version": "7", "report": None, "planted": planted}
    assert said in verifier_section([bare], "run-1")
    assert "**not audited**" in verifier_section([bare], "run-1")
    assert said in verifier_section([{**known(), "planted": planted}], "run-1")


def test_no_audit_is_said(snapshot: Callable[..., Snapshot]) -> None:
    manifest = full_manifest(snapshot(), parent=None)
    assert "**not audited**" in card(manifest)
    manifest["verifier_rates"] = [known()]
    manifest["gate_attempts"] = {"attempts": 3, "passed": 2}
    text = card(manifest)
    assert "**not audited**" not in text
    assert "| gate attempts on this dataset, this one included | 3, of which 2 passed |" in text
