"""The table of docs/how-to/certify.md has every suite with as many rows of each section as the suite has."""

from collections import Counter
from pathlib import Path

from pipelines.certify.suites import SUITES, options_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "certify.md"
SECTIONS = (
    "equivalence",
    "non_equivalence",
    "policy",
    "denial_of_service",
    "code_execution",
    "always_equal",
    "tampering",
    "threads",
)


def test_the_table_of_suites_is_that_of_the_suites() -> None:
    lines = []
    for name in sorted(SUITES):
        rows = SUITES[name](options_of(name, {})).with_threads().rows
        counts = Counter(row.section for row in rows)
        assert set(counts) <= set(SECTIONS)
        numbers = " | ".join(str(counts[section]) for section in SECTIONS)
        lines.append(f"| `{name}` | {len(rows)} | {numbers} |")
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("| suite | rows |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table == lines
