"""Formats as arms: the same solutions whole and as answers alone, all of the target skill, measured on it and on others."""

import shutil
from pathlib import Path

import duckdb
import pytest

from rollmill.flows.trials.trial_recipe import load_trial
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json

pytestmark = pytest.mark.integration


def test_the_arms_differ_in_format_alone_and_only_one_benchmark_has_the_skill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    shutil.copytree(ROOT / "recipes", "recipes")
    trial = load_trial(Path("recipes/trials/formats.yaml"))
    texts: dict[str, dict[str, str]] = {}
    for arm, curated in trial.curated.items():
        sets = [word for value in (*curated.sets, "problems.count=12", "evaluation=[]") for word in ("--set", value)]
        made = said_as_json(rollmill, "curate", str(curated.recipe), "--direct", *sets)
        with duckdb.connect(str(Path(made["path"]) / "dataset.duckdb"), read_only=True) as connection:
            query = """select r.id, r.text, p.skill, t.after from decisions d join rollouts r on r.id = d.completion_id
                       join problems p on p.id = d.problem_id left join threads t on t.completion_id = r.id where d.kept"""
            rows = connection.execute(query).fetchall()
        assert {skill for _, _, skill, _ in rows} == {"rates"}
        texts[arm] = {(after or key): text for key, text, _, after in rows}
    assert trial.arms == ["worked", "answers"]
    shared = texts["worked"].keys() & texts["answers"].keys()
    assert shared
    for key in shared:
        assert len(texts["worked"][key].splitlines()) > 1
        assert texts["answers"][key] == texts["worked"][key].rstrip().splitlines()[-1]
    skills = {part.name: set((part.options or {})["skills"]) for part in trial.evaluation.recipe.benchmarks}
    assert skills["target"] == {"rates"}
    assert len(skills["generic"]) == 7
    assert not skills["generic"] & skills["target"]
    assert trial.recipe.equal == "steps"
