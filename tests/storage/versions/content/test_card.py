"""The card: every number from the manifest with its n and interval, the same text each time, front matter for hubs."""

from collections.abc import Callable
from typing import Any

import yaml

from rollmill.stats import Costs, Judgement, Stratum, audit_rates, consequences
from rollmill.storage.versions.content.card import card, cost_section, flatten, verifier_section
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.manifest import full_manifest, twelve_digits
from tests.storage.versions.conftest import build, counted

Build = Callable[..., Snapshot]


def test_the_card_says_what_the_version_is(snapshot: Build) -> None:
    text = card(full_manifest(snapshot(), parent=None))
    assert "# toy @ ab183de1" in text
    assert "2 problems, 6 rollouts (3 correct, 1 incorrect, 1 undecided, 1 unparsed); 2 kept, 4 dropped." in text
    assert "| 3 | 1 | 1 | 0 | 1 | 1 | 1 |" in text
    assert "| over_quota | 1 |" in text
    assert "| pass_rate.1 | 0.666666666667 |" in text
    assert "| parent | `none` |" in text
    assert text == card(full_manifest(snapshot(run="later"), parent=None))


def test_the_front_matter_is_yaml(snapshot: Build) -> None:
    _, front, _ = card(full_manifest(snapshot(), parent=None)).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "cc0-1.0",
        "pretty_name": "toy",
        "size_categories": ["n<1K"],
        "tags": ["rollouts", "verified"],
        "configs": [{"config_name": "default", "data_files": [{"path": "kept.parquet", "split": "train"}]}],
    }


def test_a_cell_cannot_break_the_table(snapshot: Build) -> None:
    manifest = full_manifest(snapshot(), parent=None)
    manifest["fingerprint"] = {"cpu": "a|b\nc"}
    assert "| fingerprint cpu | a\\|b c |" in card(manifest)


def test_a_bare_snapshot_has_a_card_too(snapshot: Build) -> None:
    toy = snapshot()
    text = card(full_manifest(counted(Snapshot("bare", toy.problems, toy.completions)), parent=None))
    assert "6 rollouts (none judged); 0 kept, 0 dropped." in text


def test_flatten_makes_dotted_keys() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}


def test_numbers_have_twelve_digits_and_undefined_stays_undefined() -> None:
    assert twelve_digits({"a": 0.1 + 0.2, "b": (1, 2 / 3), "c": float("nan"), "d": True}) == {
        "a": 0.3,
        "b": [1, 0.666666666667],
        "c": None,
        "d": True,
    }


def test_names_of_a_users_data_are_inert_in_the_card() -> None:
    hostile = "![pixel](http://127.0.0.1:9/pixel.png) <img src=x> a|b\nc"
    manifest = full_manifest(build(), None)
    manifest["counts"] |= {"models": {hostile: 2}, "licences": {hostile: 1, "b": 1}, "sources": {hostile: 2}}
    text = card(manifest)
    assert text.count("![pixel]\\(http://127.0.0.1:9/pixel.png) &lt;img src=x> a\\|b c") == 3
    assert "](http" not in text


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
    assert "| all | 1000 | 80 | 0.017 [" in text
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
    sentence = "A stress test: corrects nothing (intervals over problems): digit 5 of 10 rejected [0.200, 0.800]."
    bare = {"verifier": "math", "version": "7", "report": None, "planted": planted}
    assert sentence in verifier_section([bare], "run-1")
    assert "**not audited**" in verifier_section([bare], "run-1")
    assert sentence in verifier_section([{**known(), "planted": planted}], "run-1")


def test_no_audit_is_said(snapshot: Callable[..., Snapshot]) -> None:
    manifest = full_manifest(snapshot(), parent=None)
    assert "**not audited**" in card(manifest)
    manifest["verifier_rates"] = [known()]
    manifest["gate_attempts"] = {"attempts": 3, "passed": 2}
    text = card(manifest)
    assert "**not audited**" not in text
    assert "| gate attempts on this dataset, this one included | 3, of which 2 passed |" in text


COST = {"completions": 40, "tokens_in": 400, "tokens_out": 1600, "uncounted": 0, "kept": 8, "tokens_per_kept": 250.0}


def test_tokens_per_kept_row_stand_with_their_n() -> None:
    assert cost_section({"cost": COST}) == (
        "400 tokens in and 1,600 out over 40 completions, kept or not, whoever drew them: "
        "250.0 tokens per kept row (n = 8)."
    )


def test_nothing_kept_and_nothing_counted() -> None:
    none = {**COST, "kept": 0, "tokens_per_kept": None, "uncounted": 3}
    text = cost_section({"cost": none})
    assert text.endswith("no row is kept. 3 of them came without token counts and count as 0.")
    assert cost_section({}) == "Not counted when this version was made."


def test_a_forecast_stands_beside_what_came() -> None:
    row = {"median": 38.0, "low95": 30.0, "high95": 50.0, "actual": 40.0}
    forecast = {"source": "pilot", "inside95": 9, "inside80": 7, "n": 10, "totals": {"draws": row, "seconds": row}}
    lines = cost_section({"cost": COST, "forecast": forecast}).splitlines()
    assert lines[2] == (
        "A forecast from pilot was made before the run began; 9 of its 10 95% intervals held and 7 of the 80% ones, "
        "levels included."
    )
    assert lines[4:] == [
        "| forecast | median | 95% interval | came |",
        "|---|---|---|---|",
        "| completions | 38 | [30, 50] | 40 |",
    ]
