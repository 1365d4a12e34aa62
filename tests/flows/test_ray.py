"""Verification on a real local Ray, through prefect-ray and the managed Prefect server: the content of a run without it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.flows.conftest import Curated, Run, finish, start
from tests.flows.test_services import left_behind
from tests.waiting import until

pytestmark = pytest.mark.services
CHAIN = "- method: math\n  - method: mine.py:Mine\naccept:\n  method: all_of"
MINE = """\
import os
from pathlib import Path
from rollmill.pipelines.verify.number import NumberVerifier


class Mine(NumberVerifier):
    name = "mine"
    version = "1"

    def verify(self, problem, completion):
        with Path(os.environ["JUDGED"]).open("a") as log:
            log.write(f"{os.getpid()}\\n")
        return super().verify(problem, completion)
"""


def test_verdicts_made_on_ray_are_those_made_here(
    toy: Path, tmp_path: Path, curated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`math` and a verifier of the user's own file; the local cluster ends with the command."""
    (toy / "mine.py").write_text(MINE)
    recipe = (toy / "toy.yaml").read_text().replace("- method: number", CHAIN)
    (toy / "toy.yaml").write_text(recipe)
    (toy / "ray.yaml").write_text("ray: {cpus: 2, rows: 8}\n")
    there = shutil.copytree(toy, tmp_path / "there")
    monkeypatch.setenv("JUDGED", str(tmp_path / "here.log"))
    here = curated()
    words = ("curate", "toy.yaml", "--profile", "ray.yaml", "--prefect", "--json")
    command = start(*words, cwd=there, JUDGED=str(tmp_path / "there.log"))
    result = finish(command)
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    assert (outcome["content_hash"], outcome["funnel"]) == (here["content_hash"], here["funnel"])
    judged = (tmp_path / "there.log").read_text().split()
    assert len(judged) == len((tmp_path / "here.log").read_text().split()) == here["funnel"]["drawn"]
    assert str(command.pid) not in judged
    assert until(lambda: left_behind(there) == []), left_behind(there)


def test_ray_without_prefect_is_refused_in_one_line(toy: Path, rollmill: Run) -> None:
    (toy / "ray.yaml").write_text("ray: {}\n")
    assert "PREFECT_API_URL" not in os.environ
    result = rollmill("curate", "toy.yaml", "--profile", "ray.yaml")
    assert result.status == 2
    assert "a profile with `ray` records its tasks with Prefect. Next: run it with --prefect" in result.err
    (toy / "ray.yaml").write_text("ray: {address: ray://x:1, cpus: 2}\n")
    assert "cpus are those of a local cluster" in rollmill("curate", "toy.yaml", "--profile", "ray.yaml").err
