"""What a command was asked to do, and how a copied workspace finds its own files."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from rollmill.flows.identity import open_run
from rollmill.flows.job import Job
from rollmill.flows.jobs import record
from rollmill.flows.recipe.load import load_recipe
from rollmill.storage.commands import working_on
from tests.flows.conftest import Run


def test_a_run_found_in_a_copy_of_its_workspace_reads_the_files_of_the_copy() -> None:
    inside = Job("/old/ws", "/old/ws/recipes/toy.yaml", ("seed=1",), "/old/ws/profiles/p.yaml", max_tokens=7)
    assert Job.of_run(inside.data(), Path("/new")) == Job(
        "/new", "/new/recipes/toy.yaml", ("seed=1",), "/new/profiles/p.yaml", max_tokens=7
    )
    outside = Job("/old/ws", "/shared/toy.yaml", profile="/shared/p.yaml")
    assert Job.of_run(outside.data(), Path("/new")) == Job("/new", "/shared/toy.yaml", profile="/shared/p.yaml")
    assert Job.of_run(inside.data(), Path("/old/ws")) == inside


def test_the_command_is_as_a_shell_takes_it_from_the_workspace() -> None:
    job = Job("/a b", "/a b/my recipe.yaml", ("name=x y",), "/a b/profiles/p.yaml", max_tokens=7)
    assert job.command == "rollmill curate 'my recipe.yaml' --set 'name=x y' --profile profiles/p.yaml --max-tokens 7"
    elsewhere = Job("/a b", "/c d/r.yaml", profile="/c d/p.yaml", verb="evaluate")
    assert elsewhere.command == "rollmill evaluate '/c d/r.yaml' --profile '/c d/p.yaml'"


@pytest.mark.integration
def test_a_command_loads_its_recipe_opens_its_run_and_registers_its_work_once(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is load_recipe.__code__:
            calls["load_recipe"] += 1

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            calls[function.__name__] += 1
            return function(*given)

        return call

    for function in (open_run, working_on):
        monkeypatch.setattr(record, function.__name__, counted(function))
    sys.setprofile(watch)
    try:
        assert rollmill("curate", "toy.yaml", "--direct").status == 0
    finally:
        sys.setprofile(None)
    assert calls == {"load_recipe": 1, "open_run": 1, "working_on": 1}
