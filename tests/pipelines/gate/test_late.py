"""Modules that the library imports and a gate rarely needs: executed at their first use, by the library itself."""

import subprocess
import sys

import pytest

LOADING = """
import sys
from rollmill.pipelines.gate.engine import quiet
with quiet():
    pass
inside = ("altair.vegalite", "scipy.stats._stats_py")
print([name in sys.modules for name in inside])
import altair, scipy.stats
print(round(scipy.stats.norm.cdf(0.0), 3), altair.Chart.__name__, [name in sys.modules for name in inside])
"""


@pytest.mark.integration
def test_a_late_module_is_executed_at_its_first_use() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[False, False]", "0.5 Chart [True, True]"]
