"""What people get wrong in files, options and methods of their own: one line, status 2, the value and the next command.

Each case once gave a traceback, hung, was taken without a word, or left the reader without a next step.
"""

import json
import os
from pathlib import Path

import pytest

from rollmill.flows import cli
from rollmill.flows.rounds.planning import plan
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Run

pytestmark = pytest.mark.integration

PROFILE = "profile_schema: 1\n"
DEEP = "[" * 3_000 + "]" * 3_000


def refused(said: object, *told: str) -> None:
    """Status 2 and one line that holds these words and a next command."""
    assert (said.status, said.err.count("\n")) == (2, 1), said  # type: ignore[attr-defined]
    for words in (*told, "Next: "):
        assert words in said.err, said.err  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("recipe_schema: 1", "recipe_schema: true", "recipe_schema: input should be 1, found True"),
        ("recipe_schema: 1\n", "", "key 'recipe_schema' is missing. Next: correct it, then rollmill recipe check r.yaml"),
        ("seed: 3", "seed: true", "seed: input should be a valid integer, found True"),
        ("count: 12", "count: '12'", "problems.count: input should be a valid integer, found '12'"),
        ("max_tokens: 16", "max_tokens: 99999999999999999999999", "generate.max_tokens: input should be less than"),
        ("max_tokens: 16", "temperature: .inf", "generate.temperature: input should be a finite number"),
        ("max_tokens: 16", "temperature: true", "generate.temperature: input should be a valid number, found True"),
        ("max_tokens: 16", "stop: ['']", "generate.stop.0: it is empty"),
        ("model: toy-1", "model: ''", "generate.model: it is empty"),
        ("gate:\n  min_kept: 10", "gate: 3", "gate: input should be a mapping, found 3"),
        ("min_kept: 10", "level_shares: {1: [0.9, 0.1]}", "level 1: at least 0.9 and at most 0.1 cannot both hold"),
        ("options: {chance: 0.5}", f"options: {DEEP}", "is nested too deeply, or holds itself by an alias"),
        ("options: {chance: 0.5}", "options: &o {chance: *o}", "is nested too deeply, or holds itself by an alias"),
    ],
    ids=lambda text: text[:24],
)
def test_a_recipe(toy: Path, rollmill: Run, old: str, new: str, told: str) -> None:
    assert old in RECIPE
    (toy / "r.yaml").write_text(RECIPE.replace(old, new, 1))
    refused(rollmill("recipe", "check", "r.yaml"), "r.yaml", told)


def test_an_evaluation_file_that_cannot_be_read_is_said_by_the_check(toy: Path, rollmill: Run) -> None:
    (toy / "mine.jsonl").write_text('{"question": "2+2?"}\n')
    recipe = RECIPE.partition("evaluation:")[0] + "evaluation: [{file: mine.jsonl, map: {prompt: nothing}}]\n"
    (toy / "r.yaml").write_text(recipe)
    refused(rollmill("recipe", "check", "r.yaml"), "unknown column of mine.jsonl for prompt: 'nothing'")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("workers: true\n", "workers: input should be a valid integer, found True"),
        ("workers: 100000000\n", "workers: input should be less than or equal to 4096"),
        ("prices: {input: .inf, output: 1}\n", "prices.input: input should be a finite number"),
        ("servers: [{url: 'http://h:80/v 1'}]\n", "a server's url is http://HOST:PORT/v1"),
        ('servers: [{url: "http://\\u202Emoc.x/v1"}]\n', "a server's url is http://HOST:PORT/v1"),
    ],
    ids=lambda text: text[:24],
)
def test_a_profile(toy: Path, rollmill: Run, text: str, told: str) -> None:
    (toy / "p.yaml").write_text(PROFILE + text)
    told_next = "Next: correct it, then rollmill doctor --quick --profile "
    refused(rollmill("curate", "toy.yaml", "--direct", "--profile", "p.yaml"), told, told_next)


@pytest.mark.parametrize("command", [("recipe", "check", "pipe"), ("import", "problems", "pipe.jsonl", "--name", "n")])
def test_a_pipe_is_no_file_and_is_not_waited_for(toy: Path, rollmill: Run, command: tuple[str, ...]) -> None:
    os.mkfifo(toy / command[2])
    refused(rollmill(*command), f"{command[2]} is not a file")


ROW = {"prompt": "2+2?", "reference": "4", "text": "4"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"prompt": "a", "prompt": "b", "reference": "4", "text": "4"}', "'prompt' is given twice"),
        (json.dumps({**ROW, "tokens_out": -5}), "line 1: -5 is negative, and counts are not"),
        (json.dumps({**ROW, "logprob_sum": 5}), "line 1: 5.0 is above 0, and the logarithm of a probability is not"),
        ("3", "line 1 holds a number, not an object"),
    ],
    ids=lambda text: text[:24],
)
def test_a_file_to_import(toy: Path, rollmill: Run, line: str, told: str) -> None:
    (toy / "f.jsonl").write_text(f"{line}\n")
    next_command = "Next: correct it, then rollmill import rollouts f.jsonl --name n --dry-run"
    refused(rollmill("import", "rollouts", "f.jsonl", "--name", "n"), told, next_command)


def test_columns_of_one_name_in_parquet_are_refused(toy: Path, rollmill: Run) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([["a"], ["b"], ["4"]], names=["prompt", "prompt", "reference"]), toy / "f.parquet")
    refused(rollmill("import", "problems", "f.parquet", "--name", "n"), "f.parquet has two columns called 'prompt'")


def test_a_folder_to_import_does_not_reach_into_hidden_ones(toy: Path, rollmill: Run) -> None:
    (toy / ".rollmill" / "x.parquet").write_bytes(b"")
    refused(rollmill("import", "problems", ".", "--name", "n"), ". is a folder without files of rows")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--map", "prompt=question", "--map", "reference=question"), "--map gives 'question' to two of prompt, reference"),
        (("--set", "level=abc"), "--set level='abc' is not a level"),
        (("--map", "prompt"), "'prompt' is not of the form FIELD=VALUE. Next: rollmill import problems --help"),
    ],
    ids=lambda text: text[-1][:24],
)
def test_options_of_an_import(toy: Path, rollmill: Run, options: tuple[str, ...], told: str) -> None:
    (toy / "f.jsonl").write_text('{"question": "2+2?", "answer": "4"}\n')
    refused(rollmill("import", "problems", "f.jsonl", "--name", "n", *options), told)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one published version of imported rollouts."""
    folder = tmp_path_factory.mktemp("published")
    with Workspace.init(folder) as ws:
        path = folder / "rows.jsonl"
        path.write_text("".join(json.dumps({**ROW, "prompt": f"{n}+2?", "reference": str(n + 2)}) + "\n" for n in range(4)))
        import_problems(ws, ImportSpec(path, "mine"))
        import_rollouts(ws, ImportSpec(path, "mine"))
    (folder / "mine.yaml").write_text(
        "recipe_schema: 1\nname: mine\nproblems: {imported: mine}\ngenerate: {engine: imported}\n"
    )
    assert cli.run(["-C", str(folder), "curate", "mine.yaml", "--direct"]) == 0
    assert cli.run(["-C", str(folder), "audit", "verifier", "number", "--n", "2"]) == 0
    return folder


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("dataset show mine@", "mine has no version called ''"),
        ("dataset show mine@v" + "9" * 5_000, "mine has no version called 'v9"),
        ("dataset tag mine@v1 latest", "'latest' always means the newest version"),
        ("dataset verify mine --base nowhere", "no folder nowhere"),
        ("runs queue --out nowhere/x.jsonl", "cannot use nowhere/x.jsonl: no such file or directory"),
        ("runs queue --out .", "cannot use .: is a directory"),
        ("runs queue --most -1", "--most': Input should be greater than or equal to 0."),
        ("audit verifier number --planted --n -4", "--n': Input should be greater than or equal to 1."),
        ("audit verifier number --seed -1", "--seed': Input should be greater than or equal to 0."),
        ("audit show natural --wrong nan", "--wrong nan must be below 1"),
        ("audit show natural --wrong 2", "--wrong 2.0 must be below 1"),
        ("audit show natural --draw -1", "--draw -1.0 is not a cost"),
        ("audit show natural --target 9 --cap 2", "--target 9 and --cap 2"),
        ("certify number --seconds nan", "--seconds nan is not a time"),
        ("certify number --seconds 0", "--seconds 0.0 is not a time"),
        ("review --from a.csv --export b.csv", "one at a time"),
        ("train --out mine.yaml --dry-run", "mine.yaml is not a folder"),
        ("init mine.yaml", "cannot use "),
        ("replay mine --seed -1", "--seed -1: it must be at least 0"),
        ("replay mine --k 9", "--k 9: no more answers can be handed in than there are, 1 here"),
        ("label mine --out x.docx", "--out x.docx: JSON lines are written. Next: --out x.jsonl"),
        ("runs queue --out x.csv", "--out x.csv: JSON lines are written. Next: --out x.jsonl"),
        ("harden mine --with chains --out x.docx", "--out x.docx: JSON lines are written. Next: --out x.jsonl"),
        ("harden mine --with chains --out x.jsonl --seed -1", "--seed': Input should be greater than or equal to 0."),
        ("contamination check mine mine --min-recall 2", "--min-recall 2.0: recall is between 0 and 1"),
        ("contamination check mine mine --min-recall nan", "--min-recall nan: recall is between 0 and 1"),
        (
            "contamination check mine mine --benchmark-map prompt=x",
            "columns can be mapped only for files, and 'mine' is none",
        ),
        ("schedule add mine.yaml --every 6h --notify-command ", "--notify-command names no program"),
        ("schedule add mine.yaml --every 6h --notify-command mail'me", '--notify-command "mail\'me": No closing quotation'),
        ("schedule add mine.yaml --every 6h --name ", "'' cannot name a schedule"),
        ("dataset reproduce mine --base nowhere", "no folder nowhere"),
        (
            "dataset export mine --out x.jsonl --share 0.1",
            "--share is of a second file. Next: --validation",
        ),
        ("dataset export mine --out x.jsonl --validation y.jsonl --share 0", "a validation share of 0.0"),
        ("review --from nowhere.csv", "nowhere.csv cannot be read: No such file or directory. Next:"),
        ("init " + "x" * 300, "file name too long"),
        ("problems --template \udcff", r"the argument '\udcff' is no UTF-8"),
        ("compare mine mine --margin 0", "--margin is 0, and lies above 0"),
        ("scaling /dev/zero --x a --y b", "cannot tell the format of 'zero' from its suffix"),
    ],
    ids=lambda text: text[:40],
)
def test_options_of_a_command(
    published: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run, command: str, told: str
) -> None:
    monkeypatch.chdir(published)
    refused(rollmill(*command.split(" ")), told)


def test_the_newest_version_by_its_word(published: Path, rollmill: Run) -> None:
    result = rollmill("-C", str(published), "dataset", "path", "mine@latest")
    assert result.out == rollmill("-C", str(published), "dataset", "path", "mine@v1").out


@pytest.mark.parametrize("text", ["{}", '{"recipe": {}, "counts": 3, "hashes": {}}'])
@pytest.mark.parametrize("verb", ["show", "verify"])
def test_a_manifest_that_is_none(published: Path, rollmill: Run, text: str, verb: str) -> None:
    """The tracked copy is what is read; the file in the version's folder is compared with its digest."""
    for pattern, status, told in (
        ("manifests/v1-*.json", 2, "is damaged: it is not a manifest"),
        ("v1-*/manifest.json", 1, {"show": "manifest.json of mine@v1 was altered", "verify": "1 differences"}[verb]),
    ):
        [path] = (published / "datasets" / "mine").glob(pattern)
        before = path.read_text()
        path.write_text(text)
        try:
            result = rollmill("-C", str(published), "dataset", verb, "mine")
            assert (result.status, told in result.err) == (status, True), result
        finally:
            path.write_text(before)


@pytest.mark.parametrize("name", ["manifest.json", "shards.json"])
def test_a_damaged_version_is_a_finding_of_the_quick_doctor(published: Path, rollmill: Run, name: str) -> None:
    [path] = (published / "datasets" / "mine").glob(f"v1-*/{name}")
    before = path.read_bytes()
    path.write_text("hello")
    try:
        result = rollmill("-C", str(published), "doctor", "--quick")
        assert (result.status, "mine@v1" in result.err) == (1, True)
    finally:
        path.write_bytes(before)
    assert rollmill("-C", str(published), "doctor", "--quick").status == 0


def test_a_ledger_address_with_a_port_that_is_none(tmp_path: Path, rollmill: Run) -> None:
    Workspace.init(tmp_path).close()
    (tmp_path / "rollmill.toml").write_text("[ledger]\nurl = 'postgresql://me@host:abc/x'\n")
    refused(rollmill("-C", str(tmp_path), "runs", "list"), "host:abc/x' is not a database URL")


@pytest.mark.parametrize("text", ['{"versions": "x"}', '{"index_schema": 1, "name": "mine", "versions": [3]}'])
def test_an_index_that_is_none(published: Path, rollmill: Run, text: str) -> None:
    path = published / "datasets" / "mine" / "index.json"
    before = path.read_text()
    path.write_text(text)
    try:
        refused(rollmill("-C", str(published), "dataset", "show", "mine"), "index.json is not an index of versions", "git")
    finally:
        path.write_text(before)


@pytest.mark.parametrize("name", ["datasets", ".rollmill"])
def test_a_file_where_the_workspace_needs_a_folder(tmp_path: Path, rollmill: Run, name: str) -> None:
    Workspace.init(tmp_path).close()
    if (tmp_path / name).is_dir():
        (tmp_path / name).rmdir()
    (tmp_path / name).write_text("")
    refused(rollmill("-C", str(tmp_path), "runs", "list"), f"{name} is not a folder")


def own(toy: Path, recipe: str, body: str) -> None:
    """A method of somebody's own in mine.py, named by the recipe."""
    (toy / "toy.yaml").write_text(recipe)
    (toy / "mine.py").write_text(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise KeyError('x')", "mine.py, line 5, in synthesize: KeyError: 'x'"),
        ("return None", "synthesizer 'mine.py:Mine' made no problems"),
        ("return ['a']", "synthesizer 'mine.py:Mine' made 'a', which is not a Problem"),
    ],
)
def test_a_synthesizer_of_the_users_own(toy: Path, rollmill: Run, body: str, told: str) -> None:
    code = f"class Mine:\n    name = 'mine'\n    version = '1'\n    def synthesize(self, budget, seed):\n        {body}\n"
    own(toy, RECIPE.replace("toys.py:ToyProblems", "mine.py:Mine", 1).partition("evaluation:")[0], code)
    refused(rollmill("synthesize", "toy.yaml"), told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise KeyError('x')", "mine.py, line 5, in select: KeyError: 'x'"),
        ("return None", "selector 'mine' did not give one decision per rollout"),
    ],
)
def test_a_selector_of_the_users_own(toy: Path, rollmill: Run, body: str, told: str) -> None:
    code = f"class Mine:\n    name = 'mine'\n    version = '1'\n    def select(self, run, rollouts):\n        {body}\n"
    recipe = RECIPE.replace("  method: quota\n  options: {per_problem: 3}", "  method: mine.py:Mine")
    own(toy, recipe, code)
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert told in result.err.splitlines()[-1]


def test_more_completions_than_a_plan_can_hold(toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.MOST_OF_A_ROUND == 20_000_000
    monkeypatch.setattr(plan, "MOST_OF_A_ROUND", 40)
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert "the budget asks for 48 completions in one round; 40 is the most. Next: " in result.err


def test_a_bare_workspace_is_not_sent_to_a_recipe_that_it_has_not(tmp_path: Path, rollmill: Run) -> None:
    assert rollmill("init", str(tmp_path / "a"), "--bare").out.endswith("rollmill curate RECIPE\n")
    assert rollmill("init", str(tmp_path / "b")).out.endswith("rollmill curate recipes/arithmetic.yaml\n")
