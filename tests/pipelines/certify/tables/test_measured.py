"""The measured rates of verifiers: one table, which the card, the pages and `certify` agree on."""

from pathlib import Path

import pytest

from rollmill.flows.recipe.methods import resolve
from rollmill.pipelines.certify.suites import select_suite
from rollmill.pipelines.certify.tables.measured import measured, measured_rates, rate_of
from rollmill.storage.versions.content.card import verifier_section

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("name", sorted(measured_rates()))
def test_the_table_is_of_todays_verifier_and_suite(name: str) -> None:
    row = measured_rates()[name]
    version = resolve("verifier", name, {}, base=Path()).build().version
    assert measured(name, version) == row, f"python benchmarks/numbers/measured.py {name}"
    rows = select_suite(name, None, None, frozenset()).rows
    expecting = {"false_accept": "wrong", "false_reject": "correct"}
    counted = {key: sum(one.expected == value for one in rows) for key, value in expecting.items()}
    assert (len(rows), counted) == (row["rows"], {key: row[key]["n"] for key in expecting})


def test_a_version_that_was_not_measured_has_no_figures() -> None:
    assert measured("math", "1+other") is None
    assert measured("mine", "1") is None


def test_a_rate_has_its_exact_interval() -> None:
    assert rate_of(0, 392) == {"count": 0, "n": 392, "low": 0.0, "high": 0.009366}


def test_card_and_pages_say_what_the_table_says() -> None:
    row = measured_rates()["math"]
    known = {"verifier": "math", "version": row["version"], "report": None, "measured": row}
    text = verifier_section([known], "run-1")
    wrong, read = row["false_accept"], row["read"]
    assert f"{wrong['count']} of {wrong['n']:,} [" in text
    assert f"{read['count']} of {read['n']} [" in text
    assert "**not audited** on this dataset" in text
    page = (DOCS / "reference" / "suites.md").read_text()
    assert f"| `math` | {wrong['count']} of {wrong['n']:,} [" in page
    evidence = (DOCS / "explanation" / "math-evidence.md").read_text()
    assert f"| Rollmill, `strict` | {read['n']} | {read['count']} |" in evidence


def test_without_figures_the_card_names_the_command_that_measures() -> None:
    text = verifier_section([{"verifier": "mine", "version": "1", "report": None, "measured": None}], "run-1")
    assert "`rollmill certify mine` counts them on a suite" in text
