"""`rollmill.methods`: what a method of one's own imports, in a checkout and in a wheel."""

import subprocess
import sys

import pytest

from rollmill import methods
from tests.flows.conftest import ROOT

LOADED = "import sys; from rollmill.methods import Completion, Finding, OneByOne, Problem; print(*sys.modules)"


@pytest.mark.parametrize("name", dir(methods))
def test_each_name_is_there(name: str) -> None:
    assert getattr(methods, name) is not None


def test_an_unknown_name_is_told_with_the_valid_ones() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'Verifyer'; it has .*Verdict, Verifier"):
        methods.Verifyer  # noqa: B018


def test_a_verifier_loads_no_package_of_the_engines() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "duckdb", "prefect"} & set(done.stdout.split())
