"""Python that came with a dataset version: whoever pulled it and verifies, mixes, corrects, exports or reads it runs none
of it, unless he names its digest; then it runs in the sandbox. Commands run in processes of their own, with another home.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT
from tests.forked import Forked

pytestmark = pytest.mark.security
SECRET = "the-readers-key-4711"
MINE = """
import os

try:
    with open("{canary}", "a") as file:
        file.write(os.environ.get("READERS_KEY", "nothing") + "\\n")
except OSError:
    pass

from rollmill.pipelines.select.decide import decision, failing_reason
from rollmill.ground.records import Verdict

SEEN = "-with-key" if "READERS_KEY" in os.environ or os.path.exists(os.path.expanduser("~/key.txt")) else ""


class Last:
    name, version = "last", "1"

    def __init__(self, strip=True):
        self.strip = strip

    def verify(self, problem, completion):
        outcome = "correct" if completion.text.split()[-1] == problem.reference else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule="last" + SEEN)

    def verify_many(self, items):
        return (self.verify(problem, completion) for problem, completion in items)

    def close(self):
        pass


class First:
    name, version, lazy, over = "first", "1", False, ()

    def decide(self, verdicts):
        return verdicts[0]


class All:
    name, version = "all", "1"

    def select(self, run, rollouts):
        for rollout in rollouts:
            yield decision(run, rollout, (self.name, self.version), failing_reason(rollout) or "kept")
"""
JUDGED = (
    RECIPE[: RECIPE.index("evaluation:")]
    .replace("method: number", "method: mine.py:Last")
    .replace("name: toy", "name: judged")
)
CHOSEN = (
    RECIPE[: RECIPE.index("verify:")].replace("name: toy", "name: chosen")
    + """\
verify: [{method: "mine.py:Last"}, {method: number}]
accept: {method: all_of, planned_under: {method: "mine.py:First"}}
budget: {method: fixed, options: {initial: 4}}
select: {method: "mine.py:All"}
gate: {min_kept: 1}
evaluation: [{synthesize: "toys.py:ToyProblems", options: {split: held}, count: 3, seed: 1}]
"""
)


class Person:
    """A workspace and a home; commands there run in processes of their own."""

    def __init__(self, place: Path, key: str = "") -> None:
        self.key = key
        self.home, self.root = place / "home", place / "ws"
        self.home.mkdir(parents=True)
        if key:
            (self.home / "key.txt").write_text(key)
        Workspace.init(self.root).close()

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command printed, on one line."""
        code, said = Forked(command, self.root, self.environment(), arguments).end()
        assert code == status, said
        return " ".join(said.split())

    def python(self, code: str) -> str:
        """What a program printed that a person wrote himself."""
        status, said = Forked(program, self.root, self.environment(), code).end()
        assert status == 0, said
        return said

    def environment(self) -> dict[str, str]:
        keys = {"READERS_KEY": self.key} if self.key else {}
        return {**keys, "HOME": str(self.home), "COLUMNS": "4000", "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": ""}


def command(root: Path, environment: dict[str, str], arguments: Sequence[str]) -> None:
    from rollmill.flows import cli

    os.chdir(root)
    os.environ.update(environment)
    sys.exit(cli.run(list(arguments)))


def program(root: Path, environment: dict[str, str], code: str) -> None:
    os.chdir(root)
    os.environ.update(environment)
    exec(code, {})


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary") / "stolen.txt"


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory, canary: Path) -> Person:
    """Who published `judged` and `chosen`, with methods in files of his."""
    person = Person(tmp_path_factory.mktemp("author"))
    shutil.copyfile(Path(__file__).parents[2] / "toys.py", person.root / "toys.py")
    (person.root / "mine.py").write_text(MINE.replace("{canary}", str(canary)))
    for name, recipe in (("judged", JUDGED), ("chosen", CHOSEN)):
        (person.root / f"{name}.yaml").write_text(recipe)
        person.run("curate", f"{name}.yaml", "--direct")
    assert canary.read_text() != ""
    return person


@pytest.fixture
def reader(author: Person, canary: Path, tmp_path: Path) -> Person:
    """Who has the versions and nothing else of the author's, as after a pull; and has never run any of the files."""
    person = Person(tmp_path, SECRET)
    shutil.copytree(author.root / "datasets", person.root / "datasets", dirs_exist_ok=True)
    canary.unlink(missing_ok=True)
    return person


def digest_of(person: Person) -> str:
    return hashlib.sha256((person.root / "mine.py").read_bytes()).hexdigest()


def test_an_own_version_is_verified_without_a_question(author: Person) -> None:
    (author.root / "mine.py").rename(author.root / "moved.py")
    try:
        for name in ("judged", "chosen"):
            said = author.run("dataset", "verify", name, "--all")
            assert "Not judged again" not in said, said
            assert "Not derived again" not in said, said
    finally:
        (author.root / "moved.py").rename(author.root / "mine.py")


def test_verify_runs_no_file_of_a_pulled_version(author: Person, reader: Person, canary: Path) -> None:
    for name in ("judged", "chosen"):
        said = reader.run("dataset", "verify", name, "--all")
        assert "Not judged again" in said
        assert f"the file mine.py of {name}@v1 (SHA-256 {digest_of(author)}) came with it" in said
        assert f"--trust-code {digest_of(author)}" in said
        assert not canary.exists()


def test_a_trusted_file_judges_in_the_sandbox(author: Person, reader: Person, canary: Path) -> None:
    for name in ("judged", "chosen"):
        said = reader.run("dataset", "verify", name, "--all", "--trust-code", digest_of(author))
        assert "Not judged again" not in said
        assert "Not derived again" not in said
        assert "verdicts all the same" in said
        assert "decisions all the same" in said
        assert not canary.exists()
    # Trust is of one command.
    assert "Not judged again" in reader.run("dataset", "verify", "judged")
    lists = reader.home / ".config/rollmill/trusted.toml"
    lists.parent.mkdir(parents=True)
    lists.write_text(f'code = ["{digest_of(author)}"]\n')
    lists.chmod(0o600)
    assert "verdicts all the same" in reader.run("dataset", "verify", "judged")
    assert not canary.exists()
    lists.chmod(0o666)
    assert "is not yours alone" in reader.run("dataset", "verify", "judged")


def test_a_wrong_or_partial_digest_is_refused(author: Person, reader: Person, canary: Path) -> None:
    said = reader.run("dataset", "verify", "judged", "--trust-code", digest_of(author)[:12], status=2)
    assert "64 hexadecimal digits" in said
    said = reader.run("dataset", "verify", "judged", "--trust-code", "0" * 64, status=2)
    assert "no file of judged@v1 has this digest" in said
    assert digest_of(author) in said
    assert not canary.exists()


def test_a_list_in_the_repository_is_told_and_not_obeyed(author: Person, reader: Person, canary: Path) -> None:
    digest = digest_of(author)
    (reader.root / ".config/rollmill").mkdir(parents=True)
    (reader.root / ".config/rollmill/trusted.toml").write_text(f'code = ["{digest}"]\n')
    assert "Not judged again" in reader.run("dataset", "verify", "judged")
    reader.home = reader.root / "home"  # a home within a clone is no place of the person's own
    shutil.copytree(reader.root / ".config", reader.home / ".config")
    (reader.home / ".config/rollmill/trusted.toml").chmod(0o600)
    assert "lies in a workspace, which others may write: it is not read" in reader.run("dataset", "verify", "judged")
    (reader.root / "rollmill.toml").write_text(f'[trust]\ncode = ["{digest}"]\n')
    assert "'trust' is not known here" in reader.run("leaderboard", "judged", status=2)
    assert not canary.exists()


def test_reading_mixing_exporting_and_correcting_run_nothing(reader: Person, canary: Path) -> None:
    mixture = {"mix_schema": 1, "name": "mixed", "seed": 1, "size": 6, "gate": {"min_kept": 0}}
    (reader.root / "mix.yaml").write_text(yaml.safe_dump({**mixture, "sources": {"all": {"version": "judged"}}}))
    reader.run("mix", "mix.yaml")
    # The mixture holds the text of the file on, and verifies as carefully.
    assert "came with it" in reader.run("dataset", "verify", "mixed")
    (reader.root / "mix.yaml").write_text(yaml.safe_dump({**mixture, "sources": {"all": {"version": "chosen"}}}))
    assert "it is not run" in reader.run("mix", "mix.yaml", status=2)
    for arguments in (
        ("list",),
        ("show", "judged"),
        ("diff", "judged@v1", "chosen@v1"),
        ("log", "judged"),
        ("recipe", "judged"),
    ):
        reader.run("dataset", *arguments)
    reader.run("dataset", "recipe", "judged", "--out", "recipes/judged.yaml")
    reader.run("dataset", "export", "judged", "--out", "rows.jsonl")
    assert "it is not run" in reader.run("dataset", "reproduce", "judged", status=2)
    code = "import rollmill\nwith rollmill.open() as ws: print(len(ws.rollouts(dataset='judged').df()))"
    assert int(reader.python(code)) > 40
    assert not canary.exists()


@pytest.mark.parametrize(
    ("verifier", "refusal"),
    [
        ({"method": "../planted.py:Last"}, "../planted.py of chosen@v1 has changed since, or is code that you did not run"),
        ({"method": "planted:Last"}, "planted of chosen@v1 has changed since, or is code that you did not run"),
        ({"method": "code", "options": {"sandbox": "none"}}, "chosen@v1 runs programs without the sandbox"),
    ],
)
def test_a_task_of_another_tool_names_no_code_of_a_version(
    reader: Person, canary: Path, verifier: dict[str, object], refusal: str
) -> None:
    """The recipe of the task is written from the manifest, and lies beside files that came with the clone."""
    folder = reader.root / "datasets" / "chosen"
    for file in (*folder.glob("v1-*/manifest.json"), *folder.glob("manifests/*.json")):
        manifest = json.loads(file.read_text())
        manifest["recipe"] = {**manifest["recipe"], "verify": [verifier], "accept": None}
        file.write_text(json.dumps(manifest))
    for pointer in folder.glob("*.dvc"):
        pointer.unlink()
    (reader.root / "tasks").mkdir()
    for place in (reader.root, reader.root / "tasks"):
        (place / "planted.py").write_text(MINE.replace("{canary}", str(canary)))
    told = reader.run("export-task", "chosen", "--for", "lm-eval", "--out", "tasks", status=2)
    assert refusal in told
    assert not (reader.root / "tasks" / "recipe.yaml").exists()


def test_outcomes_of_a_plan_and_corrections_run_nothing(author: Person, reader: Person, canary: Path) -> None:
    said = reader.run("dataset", "export", "chosen", "--format", "thread", "--out", "rows.jsonl", status=2)
    assert "it is not run" in said
    digest = digest_of(author)
    reader.run("dataset", "export", "chosen", "--format", "thread", "--out", "rows.jsonl", "--trust-code", digest)
    assert not canary.exists()
    code = "import rollmill\nwith rollmill.open() as ws: print(ws.rollouts(dataset='judged').df().problem_id[0])"
    problem = reader.python(code).strip()
    reader.run(
        "errata", "add", "judged", problem, "--fault", "wrong_reference", "--reason", "r", "--by", "a", "--reference", "7"
    )
    assert "it is not run" in reader.run("leaderboard", "judged", "--errata", status=2)
    assert not canary.exists()


def test_the_sandbox_sees_a_program_of_ours_that_lies_below_tmp() -> None:
    """/tmp in the sandbox is its scratch folder, which hid a checkout there."""
    method = "    def decide(self, verdicts):\n        return verdicts[0]\n"
    source = f"class One:\n    name, version, lazy, over = 'one', '1', False, ()\n{method}"
    program = (
        "from rollmill.pipelines.sandbox.method_box import MethodBox, MethodSource\n"
        f"box = MethodBox(MethodSource('policy', 'one.py:One', 'One', {source!r}, '0' * 64, 'file.0'))\n"
        "print(box.described['name'])\nbox.close()\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as checkout:
        for name in ("rollmill", "pipelines", "storage"):
            shutil.copytree(ROOT / name, Path(checkout, name), symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-P", "-c", program]
        environment = {**os.environ, "PYTHONPATH": checkout}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "one\n"), done.stderr
