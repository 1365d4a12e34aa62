"""The calls by which data becomes code, in every file of the program: each that stands here is known and has its reason."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.flows.recipe.parse import read_yaml
from rollmill.ground.errors import SetupError
from tests.flows.conftest import ROOT

pytestmark = pytest.mark.security
PACKAGES = ("rollmill", "flows", "pipelines", "storage", "dashboards", "methods")
# By call: the files that may make it.
KNOWN = {
    "eval": set(),
    "exec": {
        "flows/cli/ending.py",  # the empty string
        "pipelines/sandbox/guest/candidate.py",  # inside the sandbox, as the next
        "pipelines/sandbox/guest/tester.py",
    },
    "os.system": set(),
    "os.popen": set(),
    "pickle.load": set(),
    "pickle.loads": {"flows/ray_cluster.py"},  # rows of our own, between our own processes
    "marshal.load": set(),
    "marshal.loads": {  # from the host to the sandbox, never back
        "pipelines/sandbox/guest/candidate.py",
        "pipelines/sandbox/guest/keeper.py",
        "pipelines/sandbox/guest/serve.py",
        "pipelines/sandbox/guest/tester.py",
    },
    "joblib.load": set(),
    "yaml.unsafe_load": set(),
    "yaml.full_load": set(),
    "sympy.sympify": {"methods/reasoning/rollmill_reasoning/tasks/science/laws.py"},  # of our own table
    "sympy.lambdify": {"methods/reasoning/rollmill_reasoning/tasks/science/laws.py"},
    "parse_expr": set(),
    "sympify": set(),
    "importlib.util.spec_from_file_location": {"rollmill/roles/user_code.py"},  # a person's own method
    "fsspec.open": set(),
    "fsspec.core.url_to_fs": {"storage/segments/place.py"},  # of the stores that are known
    "webbrowser.open": set(),
}
# By the end of a call's name: what it must be given.
REQUIRED = {
    "torch.load": ("weights_only", "True"),
    "AutoTokenizer.from_pretrained": ("trust_remote_code", "False"),
    "AutoConfig.from_pretrained": ("trust_remote_code", "False"),
    "AutoModelForCausalLM.from_pretrained": (None, "_AS_DATA"),
    "AutoModelForSequenceClassification.from_pretrained": (None, "_AS_DATA"),
}
FORBIDDEN = {("shell", "True"), ("allow_pickle", "True"), ("unsafe_allow_html", "True"), ("trust_remote_code", "True")}
SAFE_LOADERS = ("yaml.CSafeLoader", "yaml.SafeLoader", "_Loader")


def program() -> Iterator[Path]:
    """The files of the program, without the tests of the shelf."""
    for package in PACKAGES:
        files = sorted((ROOT / package).rglob("*.py"))
        yield from (path for path in files if "tests" not in path.relative_to(ROOT).parts)


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """File, name and node of every call in the program."""
    for path in program():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), ast.unparse(node.func), node


def test_every_call_that_makes_code_of_data_is_known() -> None:
    found = {(name, file) for file, name, _ in calls() if name in KNOWN}
    assert found == {(name, file) for name, files in KNOWN.items() for file in files}


def test_loaders_of_models_and_documents_run_nothing() -> None:
    faults = []
    for file, name, node in calls():
        given = {(keyword.arg, ast.unparse(keyword.value)) for keyword in node.keywords}
        faults += [f"{file}:{node.lineno} {name} with {pair}" for pair in given & FORBIDDEN]
        for end, pair in REQUIRED.items():
            if name.endswith(end) and pair not in given:
                faults.append(f"{file}:{node.lineno} {name} without {pair}")
        if name == "yaml.load":
            loader = next((ast.unparse(part) for part in (*node.args[1:], *(word.value for word in node.keywords))), "")
            faults += [] if loader in SAFE_LOADERS else [f"{file}:{node.lineno} yaml.load with {loader}"]
    assert faults == []


def test_every_interpreter_that_is_started_leaves_the_current_folder_out() -> None:
    """`python -m` and `python -c` put it first on the path, where a file of a workspace may have any module's name."""
    faults = []
    for path in program():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = [ast.unparse(part) for part in node.elts] if isinstance(node, ast.List) else []
            if words and {"'-m'", "'-c'"} & set(words) and not {"'-P'", "'-I'"} & set(words):
                faults.append(f"{path.relative_to(ROOT).as_posix()} {words[0]}")
    # Interpreters that may be older than 3.11, which has -P: PYTHONSAFEPATH, and the boot code drops the folder.
    assert sorted(faults) == [
        "pipelines/generate/serving/local_model.py str(model.python)",
        "pipelines/generate/serving/local_model.py str(self.python)",
        "pipelines/generate/vllm/child.py self._python",
        "pipelines/generate/vllm/vllm_settings.py self.interpreter()",
    ]


def test_vllm_and_servers_of_models_start_without_the_current_folder(tmp_path: Path) -> None:
    from rollmill.pipelines.generate.serving.local_model import QUIET
    from rollmill.pipelines.generate.vllm.child import BOOT

    for name in ("importlib", "types", "json", "random", "vllm"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken')\n")
    command = [sys.executable, "-c", BOOT.replace("sys.exit(", "print('whole') or sys.exit(0 and "), "3", "4", str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("whole\n", 0), done.stderr
    served = subprocess.run([sys.executable, "-m", "json.tool", "--help"], cwd=tmp_path, env=QUIET, capture_output=True)
    assert served.returncode == 0, served.stderr


def test_a_bare_name_of_an_interpreter_is_not_a_file_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
    from rollmill.pipelines.train.learners.trl import Trl

    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\ntouch taken\n")
    fake.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert VllmSettings(python="python3").interpreter() != str(fake)
    assert Trl(trainer_python="python3", steps=1).interpreter() != str(fake)


def test_aliases_that_unfold_to_billions_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["name: bomb", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 10)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    began = time.process_time()
    with pytest.raises(SetupError, match="more than 1,000,000 values once its aliases are unfolded"):
        read_yaml(tmp_path / "bomb.yaml", "recipes")
    assert time.process_time() - began < 2
