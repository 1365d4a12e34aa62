"""Rates and their intervals have the same digits everywhere: one module writes them."""

import re
from pathlib import Path

import pytest

from rollmill.ground.formats.rate_texts import interval_text, rate_text, with_interval

ROOT = Path(__file__).parents[3]
_ENDS = re.compile(r"\[\{[^{}]*:[+,>]*\.[1-9][fg]\}, *\{|\.4[fg]\} \[")


def test_three_digits_and_no_negative_zero() -> None:
    assert rate_text(0.25) == "0.250"
    assert rate_text(-0.0001, "+") == "+0.000"
    assert interval_text(0.04839, 1.0) == "[0.048, 1.000]"
    assert with_interval(0.05, -0.01, 0.09, "+") == "+0.050 [-0.010, +0.090]"


@pytest.mark.parametrize("room", ["flows", "pipelines", "storage", "dashboards", "methods"])
def test_no_other_module_writes_an_interval(room: str) -> None:
    # Losses and effects of any size have digits of their own.
    files = [
        path for path in (ROOT / room).rglob("*.py") if path.name not in ("rate_texts.py", "study_report.py", "shares.py")
    ]
    assert [str(path.relative_to(ROOT)) for path in files if _ENDS.search(path.read_text())] == []
