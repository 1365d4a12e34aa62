"""Every command that a page of docs/ shows is run, in order, in a workspace with the files that the page names.

The pages in .ci/readme_commands.py are run by .ci/as-a-user, on the main job. RUN and the ids that the pages give as
examples stand for those of the workspace; `curate` and `evaluate` run without Prefect.
"""

import csv
import json
import re
import runpy
import shlex
import shutil
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from docs.generate import GENERATED
from rollmill.flows import cli
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.shipped import shipped_recipes
from tests.json_lines import write_lines

ROOT = Path(__file__).resolve().parents[2]
NEEDS_VLLM = "recipes/served.yaml", "profiles/serve.yaml"  # run by tests/documentation/test_docs_vllm.py
SMALL = """\
recipe_schema: 1
name: arithmetic
seed: 7
problems: {synthesize: templates, count: 16, options: {levels: [1, 2, 7, 8], split: train}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
verify: [{method: number}, {method: math}]
budget: {method: sequential, options: {initial: 4, target: 2, cap: 8}}
accept: {method: all_of}
select: {method: all_correct}
gate: {min_kept: 1, max_undecided: 1.0}
"""
TUTORIALS = [f"tutorials/{name}.md" for name in ("first-dataset", "your-own-data-and-model", "compare-two-models")]
MADE = {ROOT / "docs" / place for place in GENERATED}
PAGES = {
    page.name: page.read_text()
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if page.parent.name not in ("tutorials", "examples") and page not in MADE
}
PAGES |= {
    name: (ROOT / "docs" / name).read_text() for name in TUTORIALS
}  # followed by tests/documentation/test_tutorials.py
SHOWN = """\
recipe_schema: 1
name: shown
problems: {synthesize: templates, count: 4}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
verify: [{method: number}]
"""
SHOW_STEPS = [
    "edit-texts-without-a-model.md",
    "judge-by-votes.md",
    "plant-errors.md",
    "route-problems-between-models.md",
    "write-a-recipe-of-steps.md",
]
RUN_BY_AS_A_USER = [f"{page}.md" for page in runpy.run_path(str(ROOT / ".ci/readme_commands.py"))["HOW_TO"]]
ABOUT_A_RUN = [
    "choose-a-budget.md",
    "choose-one-answer.md",
    "claims.md",
    "export-for-a-trainer.md",
    "export-groups-with-advantages.md",
    "export-pairs-and-conversations.md",
    "forecast-a-cost.md",
    "mix-sources.md",
    "policies.md",
    "reverify.md",
    "score-completions.md",
    "train-a-model.md",
]
pytestmark = pytest.mark.timeout(300)


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, body) of every fenced block of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The commands of a page's shell blocks without their comments; `make` is tried by the tiers themselves."""
    lines = [
        re.sub(r"\s+#.*$", "", line) for language, body in blocks(page) if language == "sh" for line in body.splitlines()
    ]
    return [line for line in lines if not line.startswith("make ") and not any(name in line for name in NEEDS_VLLM)]


# Commands that end with 1 here: no verifier reads every edit.
ENDS_WITH_1 = re.compile(r"certify (?:math --suite edits|choice --suite choice_edits|\w+ --suite (?:choice_)?selected$)")


def run(command: str, folder: Path, **places: str) -> str:
    """Run a command with the workspace's own ids in their places, and give what it printed."""
    for shown, real in places.items():
        command = re.sub(shown.replace("_", "-"), real, command)
    words = shlex.split(command)[1:]
    words += ["--direct"] if words[0] in ("curate", "evaluate") else []
    out, err = StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", StringIO("q\n"))
        status = cli.run(words)
    # Of sixteen small problems some formats have no row.
    empty = words[:2] == ["dataset", "export"] and "nothing was written" in err.getvalue()
    expected = 1 if empty or ENDS_WITH_1.search(command) else 0
    assert status == expected, f"{command}\n{out.getvalue()[-2000:]}\n{err.getvalue()[-2000:]}"
    return out.getvalue()


def run_python(page: str, folder: Path) -> str:
    """Run the Python blocks of a page, each by itself, and give what they printed."""
    out = StringIO()
    with chdir(folder), redirect_stdout(out):
        for language, block in blocks(page):
            if language == "python":
                exec(compile(block, page, "exec"), {})
    return out.getvalue()


def initialised(folder: Path, *, recipe: str = "", name: str = "arithmetic") -> Path:
    """A new workspace with one recipe under recipes/, as the pages name it."""
    run(f"rollmill init {folder} --bare", folder.parent)
    for made in ("recipes", "profiles"):
        (folder / made).mkdir(exist_ok=True)
    (folder / "recipes" / f"{name}.yaml").write_text(recipe)
    return folder


def named_files() -> set[str]:
    """The recipes and profiles of the project that a page or README names."""
    texts = (*PAGES.values(), (ROOT / "README.md").read_text())
    named = {name for text in texts for name in re.findall(r"\b(?:recipes|profiles)/[\w/-]+\.yaml", text)}
    return {name for name in named if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def new_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `rollmill init` makes of an empty folder, with the other recipes that pages name."""
    folder = tmp_path_factory.mktemp("init") / "ws"
    run(f"rollmill init {folder}", folder.parent)
    others = sorted(named_files() & set(shipped_recipes().values()))
    run(f"rollmill recipe get {' '.join(others)}", folder)
    return folder


@pytest.fixture(scope="module")
def curated(new_workspace: Path) -> tuple[Path, str]:
    """A new workspace where recipes/arithmetic.yaml, made small, has been run once, and that run's id."""
    folder = new_workspace
    (folder / "recipes" / "arithmetic.yaml").write_text(SMALL)
    run("rollmill curate recipes/arithmetic.yaml", folder)
    [listed] = json.loads(run("rollmill runs list --json", folder))
    return folder, listed["run"]


def test_every_block_with_commands_is_marked_as_shell() -> None:
    for page in PAGES:
        for language, block in blocks(page):
            said = re.search(r"^(\$ )?(rollmill|make) ", block, flags=re.MULTILINE)
            assert language == "sh" or not said, (page, block)
    shown = {page for page in PAGES if commands(page)}
    run_here = {
        *ABOUT_A_RUN,
        "adopt-another-tools-evaluation.md",
        "attack-a-verifier.md",
        "audit.md",
        "benchmark-definitions.md",
        "certify.md",
        "compare-two-models.md",
        "contamination.md",
        "draw-from-a-server.md",
        "evaluate-a-model.md",
        "great-expectations.md",
        "import-your-own-data.md",
        "make-problems.md",
        "prefect.md",
        "reward-a-trainer.md",
        "run-vllm.md",
        "search-for-answers.md",
        "spend-where-it-pays.md",
        "harden.md",
    }
    assert shown == run_here | set(RUN_BY_AS_A_USER) | set(TUTORIALS)


def test_commands_named_in_the_text_exist() -> None:
    program = get_command(cli.build())
    for page, text in PAGES.items():
        for words in (shlex.split(named) for named in re.findall(r"`rollmill ([^`]+)`", text)):
            command = program
            while words and hasattr(command, "commands") and not words[0].startswith("-"):
                assert words[0] in command.commands, (page, words)
                command = command.commands[words.pop(0)]
            options = {"--help", *(name for parameter in command.params for name in parameter.opts)}
            assert {word for word in words if word.startswith("-")} <= options, (page, words)


@pytest.mark.integration
def test_what_a_page_names_is_in_a_new_workspace_or_can_be_fetched(new_workspace: Path) -> None:
    named = named_files()
    absent = {name for name in named if not (new_workspace / name).exists()}
    assert len(named) > 30
    assert absent == set()


@pytest.mark.integration
def test_every_recipe_of_a_new_workspace_is_sound_there(new_workspace: Path) -> None:
    for recipe in (*new_workspace.glob("recipes/*.yaml"), *new_workspace.glob("recipes/steps/*.yaml")):
        assert run(f"rollmill recipe show {recipe.relative_to(new_workspace)}", new_workspace)
    for profile in new_workspace.glob("profiles/*.yaml"):
        load_profile(profile)


@pytest.mark.parametrize("page", SHOW_STEPS)
def test_steps_that_a_page_shows_are_sound(page: str, tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws")
    shown = [block for language, block in blocks(page) if language == "yaml" and re.search("^steps:", block, re.MULTILINE)]
    assert shown
    for block in shown:
        (folder / "shown.yaml").write_text(yaml.safe_dump(yaml.safe_load(SHOWN) | yaml.safe_load(block)))
        assert "shown.yaml is sound" in run("rollmill recipe check shown.yaml", folder)


@pytest.mark.services
@pytest.mark.parametrize("page", ABOUT_A_RUN)
def test_pages_about_a_run(page: str, curated: tuple[Path, str]) -> None:
    folder, known = curated
    for command in commands(page):
        run(command, folder, RUN=known, arithmetic_3f9a0c1d=known)
    run_python(page, folder)


@pytest.mark.services
def test_the_pages_about_contamination_and_harder_benchmarks(curated: tuple[Path, str]) -> None:
    folder, _ = curated
    named = {block.splitlines()[0].removeprefix("# "): block for language, block in blocks("contamination.md")}
    (folder / "held.yaml").write_text(named["held.yaml"])
    said = [run(command, folder) for page in ("contamination.md", "harden.md") for command in commands(page)]
    assert len(said) == 5
    assert "no leak" in said[0]
    assert "HAVING count(DISTINCT split) > 1" in said[1]


@pytest.mark.services
def test_the_page_about_great_expectations(curated: tuple[Path, str]) -> None:
    folder, _ = curated
    [suite] = [block for language, block in blocks("great-expectations.md") if language == "yaml"]
    (folder / "recipes/gates").mkdir()
    (folder / "recipes/gates/lengths.yaml").write_text(suite)
    said = [run(command, folder) for command in commands("great-expectations.md")]
    assert "passed  length: expected no kept answer of more than 500 tokens, found 0" in said[2]
    assert "src=" in Path(said[3].strip()).read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library
        assert run_python("great-expectations.md", folder) == "[{'id': 'a'}, {'id': 'b'}]\n"


@pytest.mark.services
def test_the_page_about_making_problems(curated: tuple[Path, str]) -> None:
    folder, _ = curated
    said = [run(command, folder) for command in commands("make-problems.md")]
    assert "composed@v1" in said[1]


@pytest.mark.services
def test_the_page_about_search(curated: tuple[Path, str]) -> None:
    folder, _ = curated
    said = [run(command, folder) for command in commands("search-for-answers.md")]
    assert "published searched@v1" in said[0]
    assert all((folder / name).stat().st_size for name in ("tree.jsonl", "pairs.jsonl"))


@pytest.mark.services
def test_the_page_about_audits(curated: tuple[Path, str]) -> None:
    (folder, known), audit = curated, ""
    for command in commands("audit.md"):
        said = run(command, folder, RUN=known, natural_3f9a0c1d20=audit)
        audit = audit or re.findall(r"natural-[0-9a-f]{10}", said)[0]


@pytest.mark.services
def test_the_page_about_imports(tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws", recipe=(ROOT / "recipes/imported.yaml").read_text(), name="imported")
    rows = [
        {
            "doc": {"question": f"What is {n} + 5?"},
            "metadata": {"ground_truth": str(n + 5)},
            "responses": [{"text": f"#### {n + 5}"}, {"text": "#### 1"}],
        }
        for n in range(4)
    ]
    write_lines(folder / "answers.jsonl", rows)
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), ("What is 9 + 9?", "18")])
    said = [run(command, folder) for command in commands("import-your-own-data.md")]
    assert "completions          8 would be new" in said[0]
    assert json.loads(run("rollmill import show mine --json", folder))["models"] == {"NAME": 8}
    assert "4 kept" in said[5]
    assert run("rollmill import list", folder) == said[3]


def evaluating(folder: Path) -> Path:
    """A new workspace with the shipped evaluation, made small."""
    initialised(folder)
    (folder / "recipes/evaluations").mkdir()
    shipped = (ROOT / "recipes/evaluations/arithmetic.yaml").read_text().replace("count: 64", "count: 12")
    (folder / "recipes/evaluations/arithmetic.yaml").write_text(shipped)
    return folder


@pytest.mark.services
def test_the_page_about_evaluation(tmp_path: Path) -> None:
    folder = evaluating(tmp_path / "ws")
    named = {block.splitlines()[0].removeprefix("# "): block for language, block in blocks("evaluate-a-model.md")}
    (folder / "mine.yaml").write_text(named["mine.yaml"])
    rows = [
        {"problem_id": f"{n}", "prompt": f"What is {n} + 5?", "reference": str(n + 5), "source": source, "model": model}
        | {"response": f"The answer is {n + 5 if n % modulus else 1}.", "sample_index": 0}
        for source in ("easy", "hard")
        for n in (range(20) if source == "easy" else range(20, 40))
        for model, modulus in (("good", 10), ("poor", 2))
    ]
    write_lines(folder / "rollouts.jsonl", rows)
    printed = [run(command, folder) for command in commands("evaluate-a-model.md")]
    assert "easy" in printed[2]
    assert re.search(r"^good +0\.900 .*0\.900 .*0\.900", printed[-1], flags=re.MULTILINE), printed[-1]


@pytest.mark.services
def test_the_page_about_comparing(tmp_path: Path) -> None:
    folder = evaluating(tmp_path / "ws")
    _, compared, _, corrected, complete = [run(command, folder) for command in commands("compare-two-models.md")]
    assert "no recorded fault concerns" in corrected
    assert "completeness" in complete
    (folder / "recipes/sweeps").mkdir()
    shutil.copy(ROOT / "recipes/sweeps/temperature.yaml", folder / "recipes/sweeps")
    planned, by_model, by_level = [run(command, folder) for command in commands("spend-where-it-pays.md")]
    assert "120 problems choose and 120 report" in planned
    assert "winner's curse" in by_model
    assert "arms by level" in by_level
    assert "tiny-cool" in compared
    assert "('hard', 'tiny', " in run_python("compare-two-models.md", folder)


@pytest.mark.services
def test_the_page_about_benchmark_definitions(tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws")
    named = {block.splitlines()[0].removeprefix("# "): block for language, block in blocks("benchmark-definitions.md")}
    for name in ("mine.yaml", "sums.yaml"):
        (folder / name).write_text(named[name])
    for name, numbers in (("test", range(20)), ("train", range(100, 110))):
        rows = [{"question": f"What is {n} + 5?", "answer": f"{n} + 5 = {n + 5}\n#### {n + 5}"} for n in numbers]
        write_lines(folder / f"{name}.jsonl", rows)
    sums = [{"sum": f"{n} + 5", "result": n + 5, "number": n} for n in range(20)]
    write_lines(folder / "sums.jsonl", sums)
    printed = [run(command, folder) for command in commands("benchmark-definitions.md")]
    assert "split        train: 10 problems" in printed[3]
    assert printed[-1].count("20 problems") >= 2


@pytest.mark.integration
def test_the_page_about_adopting(tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws")
    shutil.copytree(ROOT / "tests/flows/adopting/logs/lm_eval", folder / "results" / "my-model")
    first, again, _, board, compared = [run(command, folder) for command in commands("adopt-another-tools-evaluation.md")]
    assert re.search(r"^exact_match,strict-match +0\.2500 ± 0\.1637 +equal ", first, flags=re.MULTILINE), first
    assert "judged by math" in again
    assert "rollmill-tiny" in board
    assert "pass@1 on 8 problems (6 clusters)" in compared
    printed = run_python("adopt-another-tools-evaluation.md", folder)
    assert printed.startswith("lm-evaluation-harness 0.4.13 ['results_")
    assert printed.rstrip().endswith("[24]")


@pytest.mark.sandbox
@pytest.mark.parametrize("page", ["certify.md", "attack-a-verifier.md"])
def test_the_pages_about_certifying(page: str, tmp_path: Path) -> None:
    folder = initialised(tmp_path / "ws")
    (folder / "my_verifier.py").write_text("from rollmill.pipelines.verify.mathematics import MathVerifier as MyVerifier\n")
    (folder / "right.jsonl").write_text('{"prompt": "2 + 2?", "reference": "4", "text": "2 + 2 = 4\\n#### 4"}\n')
    (folder / "wrong.jsonl").write_text('{"prompt": "15 + 2?", "reference": "17", "text": "15 + 2 = 19\\n#### 19"}\n')
    for command in commands(page):
        run(command, folder)
