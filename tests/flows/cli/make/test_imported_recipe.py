"""An imported recipe says which imports it takes, is the same run while those are the same, and names its estimand."""

import json
from pathlib import Path

import pytest

from rollmill.storage.queries import open_workspace
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Prepare, Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: mine
problems: {imported: sums}
generate: {engine: imported, imports: [good]}
select: {method: all_correct}
"""
PROBLEMS = [{"id": str(number), "prompt": f"What is {number} + 1?", "reference": str(number + 1)} for number in range(4)]


def rollouts(path: Path, model: str, offset: int) -> str:
    rows = [{"problem_id": p["id"], "model": model, "text": f"#### {int(p['reference']) + offset}"} for p in PROBLEMS]
    return write_lines(path, rows)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare) -> Path:
    """A workspace with the imports `good` (all right) and `bad` (all wrong) of one problem set."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    (folder / "mine.yaml").write_text(RECIPE)
    write_lines(folder / "sums.jsonl", PROBLEMS)
    names = ("good", "bad")
    for offset, name in enumerate(names):
        rollouts(folder / f"{name}.jsonl", name, offset)
    taken = [["import", "rollouts", f"{name}.jsonl", "--name", name, "--problems", "sums"] for name in names]
    sums, *answers = prepare(["import", "problems", "sums.jsonl", "--name", "sums"], *taken)
    assert sums.status == 0
    for name, said in zip(names, answers, strict=True):
        assert said.out.splitlines()[-1] == (
            f"Next: rollmill recipe new {name} --problems sums, then rollmill curate recipes/{name}.yaml"
        )
    return folder


def import_own(folder: Path, rollmill: Run) -> None:
    """Three rollouts that bring their problem along, which is the first of `sums` again."""
    prompt, reference = PROBLEMS[0]["prompt"], PROBLEMS[0]["reference"]
    rows = [{"prompt": prompt, "reference": reference, "model": "z", "text": f"#### {number}"} for number in range(3)]
    write_lines(folder / "own.jsonl", rows)
    assert rollmill("import", "rollouts", "own.jsonl", "--name", "own").status == 0


def test_the_summary_says_which_imports_were_taken(mine: Path, rollmill: Run) -> None:
    result = rollmill("curate", "mine.yaml", "--direct")
    assert "  taken                4   of 4 problems by good (import good)\n" in result.out
    assert "taken: 4 rollouts of 4 problems by good (import good)\n" in result.err
    assert "left out: 4 rollouts of 4 problems by bad (import bad)" in result.err
    assert "    correct            4   100.0%" in result.out
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", "").replace("name: mine", "name: all"))
    result = rollmill("curate", "mine.yaml", "--direct")
    assert (
        "  taken                4   of 4 problems by bad (import bad)\n"
        "  taken                4   of 4 problems by good (import good)\n" in result.out
    )
    assert "    incorrect          4    50.0%" in result.out
    pooled = "  These rates pool 2 models. Each separately, over the problems that it answered:"
    assert pooled in result.out
    after = result.out.splitlines()[result.out.splitlines().index(pooled) + 1 :]
    assert [line.split()[0 :: len(line.split()) - 1] for line in after[:2]] == [["0.000", "bad"], ["1.000", "good"]]
    page = rollmill("dataset", "show", "all").out
    assert pooled in page
    assert "  models     bad 4 · good 4\n" in page
    assert "; imported; budget fixed" in page  # engine imported has no model of its own
    report = next((mine / "datasets" / "all").glob("v1-*/report.html")).read_text()
    assert "as many as were imported. 2 models together (bad, good)." in report
    with open_workspace(mine) as ws:
        rates = ws.pass_rates(by="model", dataset="all")
        assert rates[["model", "pass_rate", "problems"]].values.tolist() == [["bad", 0.0, 4], ["good", 1.0, 4]]
        assert ws.pass_rates(dataset="all")["models"].tolist() == [2]


def test_another_import_of_the_problems_is_no_other_run_unless_it_is_taken(mine: Path, rollmill: Run) -> None:
    first = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    more = rollouts(mine / "more.jsonl", "more", 2)
    assert rollmill("import", "rollouts", more, "--name", "other", "--problems", "sums").status == 0
    again = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert (again["run"], again["spent"]["judged"], again["created"]) == (first["run"], 0, False)
    assert rollmill("import", "rollouts", more, "--name", "good", "--problems", "sums").status == 0
    third = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert third["run"] == f"{first['run']}-2"
    assert (third["funnel"]["drawn"], third["spent"]["judged"]) == (8, 4)


def test_rollouts_imported_for_another_set_with_the_same_problems_stay_out(mine: Path, rollmill: Run) -> None:
    import_own(mine, rollmill)
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", ""))
    planned = json.loads(rollmill("curate", "mine.yaml", "--dry-run", "--json").out)
    assert [(source["name"], source["model"], source["rollouts"]) for source in planned["imports"]] == [
        ("bad", "bad", 4),
        ("good", "good", 4),
    ]
    first = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert first["funnel"]["drawn"] == 8
    assert [(source["name"], source["rollouts"]) for source in first["imports"]] == [("bad", 4), ("good", 4)]
    assert load_manifest(resolve(mine / "datasets", "mine"))["imports"] == first["imports"]
    wider = json.loads(
        rollmill("curate", "mine.yaml", "--direct", "--json", "--set", "generate.imports=[good, bad, own]").out
    )
    assert [(source["name"], source["rollouts"]) for source in wider["imports"]] == [("good", 4), ("bad", 4), ("own", 3)]
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", "").replace("imported: sums", "imported: own"))
    own = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert (own["funnel"]["problems"], own["funnel"]["drawn"]) == (1, 3)


def test_a_step_that_draws_leaves_the_imports_as_they_are_named(mine: Path, rollmill: Run) -> None:
    """Planted errors follow what is taken: the four answers of `good`, then those of the two imports for `sums`."""
    import_own(mine, rollmill)
    steps = 'steps: [{name: solve}, {name: wrong, engine: edit, model: off_by_one, template: "{solve}", want: incorrect}]\n'
    (mine / "mine.yaml").write_text(RECIPE + steps)
    ran = rollmill("curate", "mine.yaml", "--direct", "--json")
    assert ran.status == 0, ran.err
    outcome = json.loads(ran.out)
    assert (
        [source["name"] for source in outcome["imports"]],
        outcome["funnel"]["drawn"],
        outcome["funnel"]["correct"],
    ) == (
        ["good"],
        8,
        4,
    )
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", "").replace("name: mine", "name: all") + steps)
    outcome = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert ([source["name"] for source in outcome["imports"]], outcome["funnel"]["drawn"]) == (["bad", "good"], 16)
    rates = load_manifest(resolve(mine / "datasets", "all"))["metrics"]
    assert (rates["step"], rates["overall"]["pass_rate"], rates["overall"]["judged"]) == ("solve", 0.5, 8)
    assert {name: rate["pass_rate"] for name, rate in rates["models"].items()} == {"bad": 0.0, "good": 1.0}
    with open_workspace(mine) as ws:
        assert ws.pass_rates(dataset="all")[["pass_rate", "problems"]].values.tolist() == [[0.5, 4]]


def test_a_wider_plan_of_the_same_recipe_is_not_gone_on_with(
    mine: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default was every imported rollout of the problems once; the patch stands for that program."""
    import_own(mine, rollmill)
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", ""))
    with monkeypatch.context() as before:
        before.setattr("rollmill.flows.run_spec.imports_taken", lambda *_: ())
        before.setattr("rollmill.flows.jobs.unchanged.program", lambda: ["of that time"])
        wide = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert wide["funnel"]["drawn"] == 11
    result = rollmill("select", "mine.yaml", "--policy", "all_of")
    assert (result.status, f"are not those of run {wide['run']}" in result.err) == (2, True)
    narrow = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert (narrow["run"], narrow["funnel"]["drawn"], narrow["spent"]["judged"]) == (f"{wide['run']}-2", 8, 0)
    assert (narrow["version"], narrow["parent"]) == (2, wide["content_hash"])


def test_a_problem_set_without_rollouts_says_what_to_do(mine: Path, rollmill: Run) -> None:
    assert rollmill("import", "problems", "sums.jsonl", "--name", "repaired").status == 0
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", "").replace("imported: sums", "imported: repaired"))
    result = rollmill("curate", "mine.yaml", "--direct")
    assert result.status == 2
    assert "no rollouts were imported for the problem set 'repaired'" in result.err
    assert "Valid: bad, good." in result.err
    result = rollmill("curate", "mine.yaml", "--direct", "--set", "generate.imports=[good]")
    assert "    correct            4   100.0%" in result.out


def test_the_estimand_names_no_templates_where_there_are_none(mine: Path, rollmill: Run) -> None:
    assert rollmill("curate", "mine.yaml", "--direct").status == 0
    manifest = load_manifest(resolve(mine / "datasets", "mine"))
    assert manifest["metrics"]["estimand"] == "mean pass rate of the population that these problems were drawn from"


@pytest.mark.parametrize("count", ["1000001", "1000000000000"])
def test_more_problems_than_memory_holds_are_refused(mine: Path, rollmill: Run, count: str) -> None:
    result = rollmill("curate", "mine.yaml", "--set", f"problems.count={count}")
    assert result.status == 2
    assert "problems.count: input should be less than or equal to 1000000" in result.err


def test_imports_are_listed_shown_and_removed(mine: Path, rollmill: Run) -> None:
    result = rollmill("import", "list")
    assert [line.split() for line in result.out.splitlines()] == [
        ["name", "problems", "rollouts", "whole", "answers", "models"],
        ["bad", "0", "4", "yes", "sums", "bad"],
        ["good", "0", "4", "yes", "sums", "good"],
        ["sums", "4", "0", "yes", "-", "-"],
    ]
    assert rollmill("curate", "mine.yaml", "--direct").status == 0
    shown = json.loads(rollmill("import", "show", "good", "--json").out)
    run = json.loads(rollmill("runs", "list", "--json").out)[0]["run"]
    assert (shown["models"], shown["used_by"]) == ({"good": 4}, [f"run {run}", "dataset mine@v1"])
    assert "  model                4   good\n" in rollmill("import", "show", "good").out
    refused = rollmill("import", "remove", "good")
    assert (refused.status, f"is used by run {run}, dataset mine@v1; nothing was removed." in refused.err) == (2, True)
    assert rollmill("import", "remove", "bad", "--dry-run").out.splitlines() == [
        "Would remove bad: 0 problems, 4 rollouts.",
        "Nothing was removed (--dry-run).",
    ]
    assert rollmill("import", "remove", "bad").out == "Removed bad: 0 problems, 4 rollouts.\n"
    assert [row["name"] for row in json.loads(rollmill("import", "list", "--json").out)] == ["good", "sums"]
    assert rollmill("dataset", "verify", "mine").status == 0


TEST_SET = [PROBLEMS[1]["prompt"], "Is there a number that is its own double, and is it the only one that is so? Say 3."]


def test_nothing_of_an_imported_test_set_or_a_test_file_is_inside(mine: Path, rollmill: Run) -> None:
    """One problem of the recipe is in the test set; a kept answer repeats another problem of it, which the gate finds."""
    (mine / "test.csv").write_text("question\n" + "".join(f'"{prompt}"\n' for prompt in TEST_SET))
    (mine / "test.jsonl").write_text("".join(json.dumps({"prompt": p, "reference": "0"}) + "\n" for p in TEST_SET))
    assert rollmill("import", "problems", "test.jsonl", "--name", "test").status == 0
    leaked = {"problem_id": "2", "model": "m", "text": f"{TEST_SET[1]} Now the answer. #### 3"}
    (mine / "leaked.jsonl").write_text(json.dumps(leaked) + "\n")
    for source in ("imported: test", "file: test.csv"):
        (mine / "mine.yaml").write_text(f"{RECIPE}evaluation: [{{{source}}}]\n")
        outcome = json.loads(rollmill("curate", "mine.yaml", "--dry-run", "--json").out)
        assert (outcome["made"], outcome["problems"], outcome["imports"][0]["rollouts"]) == (4, 3, 3)
    assert rollmill("import", "rollouts", "leaked.jsonl", "--name", "leaked", "--problems", "sums").status == 0
    (mine / "mine.yaml").write_text(f"{RECIPE}evaluation: [{{imported: test}}]\n".replace("[good]", "[good, leaked]"))
    result = rollmill("curate", "mine.yaml", "--direct")
    assert (result.status, "FAILED  evaluation, edited: expected none of 2 evaluation problems" in result.err) == (1, True)
    (mine / "mine.yaml").write_text(f"{RECIPE}evaluation: [{{imported: tset}}]\n")
    result = rollmill("recipe", "check", "mine.yaml")
    assert (result.status, "unknown imported set of problems 'tset'. Did you mean 'test'?" in result.err) == (2, True)
    assert "run mine-" in rollmill("import", "remove", "test").err


def test_an_import_that_lost_rows_is_not_taken_until_it_is_whole_again(mine: Path, rollmill: Run) -> None:
    with Workspace.open() as workspace:
        [lost] = [
            segment for segment in workspace.segments.registry.segments("completions") if segment.producer == "import:good"
        ]
        Path(workspace.segments.path(lost)).unlink()
    result = rollmill("curate", "mine.yaml", "--direct")
    assert result.status == 2
    assert "the import 'good' is not whole: segments with 4 rows of it were lost or damaged; import " in result.err
    assert "good.jsonl again as good. Next: rollmill import show good" in result.err
    result = rollmill("curate", "mine.yaml", "--dry-run", "--set", "generate.imports=[]")
    assert (result.status, "the import 'good' is not whole" in result.err) == (2, True)
    assert "  lost         the import 'good' is not whole: segments with 4 rows" in rollmill("import", "show", "good").out
    file = rollouts(mine / "more.jsonl", "more", 0)  # another file under the name does not make it whole
    assert rollmill("import", "rollouts", file, "--name", "good", "--problems", "sums").status == 0
    assert rollmill("curate", "mine.yaml", "--dry-run").status == 2
    assert rollmill("import", "rollouts", str(mine / "good.jsonl"), "--name", "good", "--problems", "sums").status == 0
    assert json.loads(rollmill("curate", "mine.yaml", "--dry-run", "--json").out)["imports"][0]["rollouts"] == 4


def test_rollouts_of_a_problem_that_is_left_out_are_not_judged_as_its_twin(mine: Path, rollmill: Run) -> None:
    """Two problems of two kinds with one prompt: the second is a near duplicate, and its rollouts go with it."""
    twins = [
        {"id": f"t{n}", "prompt": "How many are there?", "reference": "1", "kind": kind}
        for n, kind in ((1, "math"), (2, "counting"))
    ]
    rollouts = [{"problem_id": f"t{n}", "model": "m", "text": f"{n} of them: #### 1"} for n in (1, 2)]
    write_lines(mine / "twins.jsonl", twins)
    write_lines(mine / "said.jsonl", rollouts)
    assert rollmill("import", "problems", "twins.jsonl", "--name", "twins").status == 0
    assert rollmill("import", "rollouts", "said.jsonl", "--name", "said", "--problems", "twins").status == 0
    for part in ("near_duplicates: 0.9", "count: 1"):
        text = RECIPE.replace("imported: sums", f"imported: twins, {part}").replace(", imports: [good]", "")
        (mine / "mine.yaml").write_text(text)
        outcome = json.loads(rollmill("curate", "mine.yaml", "--dry-run", "--json").out)
        assert (outcome["problems"], [source["rollouts"] for source in outcome["imports"]]) == (1, [1])
    outcome = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert (outcome["funnel"]["problems"], outcome["funnel"]["drawn"], outcome["funnel"]["correct"]) == (1, 1, 1)
