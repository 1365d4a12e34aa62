"""A kind of jobs that an installed package of one file brings: its verb, check, form, run, resumption and page."""

import json
import sys
from pathlib import Path

import pytest

from rollmill.dashboards.session.new_run import form_address
from rollmill.flows.job import Job
from rollmill.flows.jobs.kinds import kind_of
from rollmill.ground.errors import SetupError
from rollmill.kinds import kind_of_verb, kinds
from tests.dashboards.conftest import opened
from tests.dashboards.pages.start.test_start import start_asks, until
from tests.flows.conftest import Run
from tests.installed import Install

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MODULE = '''
"""The kind of jobs `probe`: how often a model is right on a recipe's first problems."""

from dataclasses import dataclass
from pathlib import Path

from rollmill.methods import Job, Kind, LoadedRecipe, OneRun, Part, RecipeRules, SchemaOne, StartForm, load_recipe, parse


class ProbeRecipe(Part):
    """A probe."""

    probe_schema: SchemaOne
    """Version of this file format."""
    name: str
    """Name of the probe."""
    base: str
    """Recipe with problems, model and verifiers."""
    problems: int = 4
    """Problems that are asked."""


@dataclass(frozen=True)
class LoadedProbe:
    recipe: ProbeRecipe
    loaded: LoadedRecipe

    @property
    def recipe_hash(self):
        return self.loaded.recipe_hash


def load_probe(path, *, sets=()):
    recipe = parse(path, ProbeRecipe, {}, sets=sets)
    changed = [f"name={recipe.name}", f"dataset={recipe.name}", f"problems.count={recipe.problems}"]
    return LoadedProbe(recipe, load_recipe(path.parent / recipe.base, sets=changed))


class Probe(OneRun):
    def __init__(self, job: Job) -> None:
        super().__init__(job, load_probe(Path(job.recipe), sets=job.sets).loaded)

    def result(self, run, executor):
        counts = self.counts(run)
        return {"problems": counts.problems, "rollouts": counts.judged, "correct": counts.correct}

    def line(self, outcome):
        return f"{outcome['correct']} of {outcome['rollouts']} rollouts of {outcome['problems']} problems are right"


PROBE = Kind(
    verb="probe",
    about="How often a model is right on a recipe's first problems.",
    job="probes:Probe",
    result="run",
    resumes=True,
    recipe=RecipeRules(key="probe_schema", noun="probe", schema="probes:ProbeRecipe", loader="probes:load_probe"),
    form=StartForm(limits=True),
)
'''
RECIPE = "probe_schema: 1\nname: first\nbase: toy.yaml\n"
POINTS = {"kinds": "probe = probes:PROBE"}


@pytest.fixture
def probed(toy: Path, install: Install) -> Path:
    """A workspace with a recipe of the kind of an installed package."""
    install("rollmill-probe", points=POINTS, modules={"probes": MODULE})
    (toy / "probe.yaml").write_text(RECIPE)
    return toy


def test_its_verb_runs_a_recipe_and_resumes_what_was_stopped(probed: Path, rollmill: Run) -> None:
    stopped = rollmill("probe", "probe.yaml", "--max-tokens", "30")
    assert stopped.status == 1
    listed = json.loads(rollmill("runs", "list", "--json").out)
    assert [(row["run"].partition("-")[0], row["status"]) for row in listed] == [("first", "stopped: token limit")]
    run = listed[0]["run"]
    resumed = rollmill("runs", "resume", run, "--max-tokens", "100000")
    assert resumed.status == 0, resumed.err
    again = rollmill("probe", "probe.yaml", "--json")
    row = json.loads(again.out)
    assert (row["run"], row["problems"], row["spent"]["drawn"]) == (run, 4, 0)
    assert 0 < row["correct"] < row["rollouts"]
    assert resumed.out.splitlines()[-1] == f"{row['correct']} of {row['rollouts']} rollouts of 4 problems are right"
    assert "done" in rollmill("runs", "list").out


def test_its_recipes_are_checked_listed_and_shown_as_a_form(probed: Path, rollmill: Run) -> None:
    checked = rollmill("recipe", "check", "probe.yaml")
    assert checked.status == 0
    assert checked.out.startswith("probe.yaml has sound keys; what it names was not looked for. recipe_hash ")
    assert checked.out.endswith("Next: rollmill probe probe.yaml\n")
    assert rollmill("probe", "probe.yaml", "--dry-run").out == checked.out
    wrong = rollmill("recipe", "check", "probe.yaml", "--set", "problem=3")
    assert wrong.status == 2
    assert "probe.yaml" in wrong.err
    assert "Did you mean 'problems'" in wrong.err
    form = json.loads(rollmill("recipe", "form", "probe.yaml", "--json").out)
    assert (form["kind"], [part["path"] for part in form["fields"]]) == (
        "probe",
        ["name", "base", "problems"],
    )
    assert "probe.yaml is a probe, not a recipe. Next: rollmill probe " in rollmill("curate", "probe.yaml").err
    (probed / "recipes").mkdir()
    (probed / "probe.yaml").rename(probed / "recipes/probe.yaml")
    assert json.loads(rollmill("recipe", "list", "--json").out) == [
        {"recipe": "recipes/probe.yaml", "name": "first", "command": "rollmill probe recipes/probe.yaml"}
    ]


@pytest.mark.usefixtures("probed")
def test_it_is_listed_with_its_package_and_has_a_help(rollmill: Run) -> None:
    listed = json.loads(rollmill("methods", "kinds", "--json").out)
    assert [row["method"] for row in listed] == [kind.verb for kind in kinds()]
    assert listed[-1] == {
        "kind": "kinds",
        "method": "probe",
        "source": "rollmill-probe 1.0",
        "line": "How often a model is right on a recipe's first problems.",
    }
    shown = rollmill("probe", "--help")
    assert shown.status == 0
    assert "How often a model is right" in shown.out


def test_the_page_new_run_has_its_form_and_its_start(probed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(probed))
    monkeypatch.setenv("PYTHONPATH", sys.path[0])  # the folder of the package, for the commands that the page runs
    page = opened("new run", what="Probe")
    assert not page.exception
    assert page.caption[0].value.replace("\\", "") == "How often a model is right on a recipe's first problems."
    assert page.number_input[0].label == "Problems"
    page.number_input[0].set_value(3).run()
    until(page, start_asks)
    assert "rollmill probe probe.yaml --set problems=3" in [block.value for block in page.code]
    page.button(key="new-start").click().run()
    until(page, lambda shown: [block.value for block in shown.title] == ["Runs"])
    assert page.query_params["run"].startswith("first-")
    address = {"what": ["Probe"], "probe": ["probe.yaml"], "set": ["problems=2"]}
    assert form_address("rollmill probe probe.yaml --set problems=2") == address


@pytest.mark.parametrize(
    ("point", "module", "told"),
    [
        ("probe = probes:NOTHING", MODULE, "module 'probes' has no attribute 'NOTHING'"),
        ("probe = probes:Probe", MODULE, "probes:Probe is not a Kind"),
        ("other = probes:PROBE", MODULE, "kind 'other' of the package rollmill-probe 1.0 has the verb 'probe'"),
        ("curate = probes:PROBE", MODULE, "kind 'curate' is in rollmill and in rollmill-probe 1.0"),
        ("probe = probes:PROBE", "import nowhere_at_all", "No module named 'nowhere_at_all'"),
    ],
)
def test_one_that_cannot_be_loaded_is_named_with_its_package(
    toy: Path, install: Install, rollmill: Run, point: str, module: str, told: str
) -> None:
    install("rollmill-probe", points={"kinds": point}, modules={"probes": module})
    listed = rollmill("methods", "kinds")
    assert listed.status == 2
    assert told in listed.err
    assert "pip uninstall rollmill-probe" in listed.err
    assert rollmill("recipe", "check", "toy.yaml").status == 0  # the product's own are as they were


def test_a_job_of_a_package_that_is_gone_names_the_kinds(toy: Path) -> None:
    assert kind_of_verb("probe") is None
    with pytest.raises(SetupError) as error:
        kind_of(Job(str(toy), str(toy / "toy.yaml"), verb="probe"))
    assert "unknown kind of job 'probe'" in error.value.message
