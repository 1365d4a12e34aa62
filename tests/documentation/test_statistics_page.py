"""docs/explanation/statistics.md: every point of the contract names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_point_of_the_contract_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "explanation" / "statistics.md").read_text(encoding="utf-8")
    points = re.split(r"^\d+\. ", page.split("\n## ", 1)[0], flags=re.MULTILINE)[1:]
    assert len(points) == 13
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"^def (test_\w+)\(", sources, flags=re.MULTILINE))
    for point in points:
        named = set(re.findall(r"`(test_\w+)`", point))
        assert named, point
        assert named <= existing, named - existing
