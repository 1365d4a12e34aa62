"""Every recipe of recipes/steps, small, from file to version, and what is particular to each: never only that it ran."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run
from tests.flows.scripted_models import (
    Script,
    answerer,
    chooser,
    critic_says,
    explainer,
    filler,
    grader,
    hinter,
    said_by,
    tool_user,
    translator,
)
from tests.flows.written import published_checks, published_scripts
from tests.flows.written import step_recipe_checks as checks
from tests.flows.written.step_recipe_inputs import (
    HALF,
    SUMS,
    asserted,
    calls,
    contests,
    eggs,
    imported,
    mine,
    models,
    nothing,
    plans,
    programs,
    sums,
    traces,
)
from tests.flows.written.step_versions import Made, read
from tests.pipelines.generate.http.serving import Serving
from tests.shared_data import shared_data

pytestmark = pytest.mark.integration

FOLDER = ROOT / "recipes" / "steps"


@dataclass(frozen=True)
class Case:
    """A recipe: what is there before it, how it is made small, what answers it, and what holds of its version."""

    check: Callable[[Made], None]
    before: Callable[[Run], None] = nothing
    small: tuple[str, ...] = ()
    script: Script | None = None


HARD = ("problems.count=20", "problems.options.levels=[6,8]")
REVISER = (
    "steps.retry.engine=embedded",
    "steps.retry.model=models/rollmill-tiny",
    "steps.retry.options={}",
    "steps.retry.max_tokens=200",
)
FILLER = ("problems.count=8", "steps.fill.engine=openai", "steps.fill.model=Qwen/Qwen2.5-0.5B-Instruct")
TOY_SUMS = ("problems.count=12", "problems.synthesize=toys.py:ToyProblems")
MANY_SUMS = ("problems.count=40", "problems.synthesize=toys.py:ToyProblems")
CASES: dict[str, Case] = {
    "rise": Case(checks.rise, eggs),
    "fix_and_continue": Case(checks.fix_and_continue, small=HARD),
    "lemma": Case(checks.lemma, small=("problems.count=24", "problems.options.levels=[5,6,7,8]")),
    "expo": Case(checks.expo, sums, TOY_SUMS, said_by(explainer)),
    "lemma_types": Case(checks.lemma_types, small=("problems.count=30",)),
    "efa": Case(checks.efa, small=("problems.count=12",)),
    "craft": Case(checks.craft, small=("problems.count=24",)),
    "hints": Case(checks.hints, sums, TOY_SUMS, said_by(hinter)),
    "recheck": Case(checks.recheck, small=HARD),
    "self_refine": Case(checks.self_refine, small=("problems.count=6",), script=critic_says),
    "multi_attempt": Case(checks.multi_attempt, small=("problems.count=12",)),
    "remaining_attempts": Case(checks.remaining_attempts, small=("problems.count=12",)),
    "fill_in": Case(checks.fill_in, small=FILLER, script=said_by(filler)),
    "edit_sequences": Case(checks.edit_sequences, programs),
    "partly_correct": Case(checks.partly_correct, eggs),
    "retro_search": Case(checks.retro_search, traces, REVISER),
    "tools": Case(checks.tools, small=("problems.count=4",), script=said_by(tool_user)),
    "gen_select": Case(checks.gen_select, small=("problems.count=8",), script=said_by(chooser)),
    "judge_votes": Case(checks.judge_votes, mine, script=said_by(grader)),
    "back_translation": Case(checks.back_translation, models, script=said_by(translator)),
    "prompt_erasure": Case(checks.prompt_erasure, sums, TOY_SUMS, said_by(answerer)),
    "first_prompt": Case(published_checks.first_prompt, small=("problems.count=16",)),
    "think_twice": Case(published_checks.think_twice, small=("problems.count=8",)),
    "step_back": Case(published_checks.step_back, sums, TOY_SUMS, said_by(published_scripts.reasoner)),
    "augment": Case(published_checks.augment, sums, TOY_SUMS, said_by(published_scripts.augmenter)),
    "choice_stages": Case(published_checks.choice_stages, sums, TOY_SUMS, said_by(published_scripts.examiner)),
    "mode_views": Case(published_checks.mode_views, small=("problems.count=8",)),
    "modes": Case(published_checks.modes, small=("problems.count=4", "generate.model=models/rollmill-tiny")),
    "state_search": Case(published_checks.state_search, plans, script=said_by(published_scripts.planner)),
    "tool_calls": Case(published_checks.tool_calls, calls, TOY_SUMS, said_by(published_scripts.tool_caller)),
    "calls_inside": Case(published_checks.calls_inside, sums, TOY_SUMS, said_by(published_scripts.programmed)),
    "separate_tests": Case(published_checks.separate_tests, sums, MANY_SUMS, said_by(published_scripts.stack_programmer)),
    "modelling": Case(published_checks.modelling, contests, script=said_by(published_scripts.modeller)),
    "bug_types": Case(published_checks.bug_types, asserted, script=said_by(published_scripts.programmer)),
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    return folder


def curated(rollmill: Run, name: str, *options: str) -> Made:
    shutil.copy(FOLDER / f"{name}.yaml", ".")
    result = rollmill("curate", f"{name}.yaml", *options, "--direct", "--json")
    assert result.status == 0, result.err
    return read(Path(json.loads(result.out)["path"]))


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_makes_what_it_says(workspace: Path, rollmill: Run, name: str) -> None:
    case = CASES[name]
    case.before(rollmill)
    options = [word for setting in (*case.small, "gate.min_kept=0") for word in ("--set", setting)]
    if case.script is None:
        case.check(curated(rollmill, name, *options))
        return
    with Serving(case.script, models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        (workspace / "p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        version = curated(rollmill, name, *options, "--profile", "p.yaml")
        version.asked = server.bodies
    dataset = f"{name.replace('_', '-')}"
    exported = rollmill("dataset", "export", dataset, "--format", "sft", "--out", "sft.jsonl")
    assert exported.status in (0, 2) or "nothing was written" in exported.err
    case.check(version)


def test_a_model_trained_on_calls_is_the_third_part_of_the_ablation(workspace: Path, rollmill: Run) -> None:
    calls(rollmill)
    with Serving(said_by(published_scripts.tool_caller), models=["aligned"]) as server:
        (workspace / "p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        options = [word for one in (*TOY_SUMS, "generate.model=aligned", "gate.min_kept=0") for word in ("--set", one)]
        version = curated(rollmill, "tool_calls", *options, "--profile", "p.yaml")
        version.asked = server.bodies
    published_checks.tool_calls(version, aligned=True)


def test_what_back_translation_keeps_becomes_problems_with_the_optimum_as_their_reference(
    workspace: Path, rollmill: Run
) -> None:
    models(rollmill)
    with Serving(said_by(translator), models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        (workspace / "p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        version = curated(rollmill, "back_translation", "--profile", "p.yaml")
    shown = Path("back_translation.yaml").read_text().partition("in a second recipe:\n")[2].replace("# ", "")
    Path("texts.yaml").write_text(f"recipe_schema: 1\nname: texts\n{shown}verify: [{{method: number}}]\n")
    result = rollmill("synthesize", "texts.yaml", "--show", "50")
    assert result.status == 0, result.err
    kept = [row for row in version.of("problem") if row.reason == "kept"]
    assert f"{len(kept)} problems of {len(kept)} made" in result.out
    for row in kept:
        assert f"{row.text.partition(chr(10))[0].removeprefix('PROBLEM: ')}\n  = {row.reference}" in result.out


def test_a_worked_solution_that_is_asked_for_and_missing_is_a_mistake(workspace: Path, rollmill: Run) -> None:
    bare = {key: value for key, value in SUMS.items() if key != "solution"}
    imported(rollmill, [bare], [{"problem_id": "eggs", "model": "m", "text": HALF}], "gsm8k")
    shutil.copy(FOLDER / "partly_correct.yaml", ".")
    result = rollmill("curate", "partly_correct.yaml", "--direct")
    assert result.status == 2
    assert "step 'begun' asks for {solution}, and problem eggs has no worked solution." in result.err


def test_every_recipe_is_tried_and_says_in_three_lines_what_it_makes() -> None:
    files = sorted(FOLDER.glob("*.yaml"))
    assert sorted(path.stem for path in files) == sorted(CASES)
    for path in files:
        lines = path.read_text().split("\n")
        head = " ".join(lines[:3])
        assert all(line.startswith("# ") for line in lines[:3]), path
        assert "arXiv" in head, path
        assert "rollmill " in head, path


@pytest.mark.data
def test_every_right_rollout_of_gsm8k_takes_an_error_and_every_edited_text_is_judged_wrong(
    workspace: Path, rollmill: Run
) -> None:
    for kind in ("problems", "rollouts"):
        more = ("--problems", "gsm8k") if kind == "rollouts" else ()
        file = str(shared_data(f"gsm8k_{kind}.jsonl"))
        assert rollmill("import", kind, file, "--name", "gsm8k", *more).status == 0
    version = curated(rollmill, "rise")
    edited = [row for row in version.rows.values() if row.step != "solve" and "failed" not in row.meta]
    assert len({row.after for row in edited}) == 986
    assert Counter(row.outcome for row in edited) == {"incorrect": 5459}
    overall = version.manifest["metrics"]["overall"]
    assert (overall["judged"], overall["undecided"]) == (2639, 1), (
        "of the 2,640 that were imported; no edited text is among them"
    )
