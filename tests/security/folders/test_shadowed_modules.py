"""A workspace whose files have the names of modules, packages and settings: no process of any command takes one of them."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.conftest import ROOT
from tests.flows.test_hostile_folder import RECIPE

pytestmark = pytest.mark.security
ROLLMILL = Path(sys.executable).with_name("rollmill")
# Asked for where they are installed: without them a file of this name would be found.
OPTIONAL = (
    "sitecustomize usercustomize orjson ujson simplejson uvloop brotli brotlicffi zstandard cupy torch torchvision vllm "
    "trl transformers jax tensorflow numba gmpy2 flint IPython ipywidgets matplotlib seaborn psycopg2 redis graphviz "
    "dotenv winreg _winapi mysql pyodbc snowflake boto google azure kubernetes docker setproctitle plotly polars "
    "conftest lxml chardet cchardet socks h2 truststore watchdog bitarray rapidfuzz"
)
SETTINGS = {
    ".streamlit/config.toml": '[server]\nbaseUrlPath = "taken"\nenableXsrfProtection = false\nenableCORS = false\n',
    ".streamlit/secrets.toml": "token = 'taken'\n",
    "great_expectations/great_expectations.yml": "config_version: [taken\n",
    "gx/great_expectations.yml": "config_version: [taken\n",
    "alembic.ini": "[alembic]\nscript_location = .\n",
    "logging.conf": "[loggers]\nkeys = taken\n",
    "matplotlibrc": "backend: module://touched\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p touched"\n',
    "setup.cfg": "[tool:pytest]\naddopts = -p touched\n",
    "pytest.ini": "[pytest]\naddopts = -p touched\n",
    "pyvenv.cfg": "home = /nonexistent\n",
    "touched.pth": "import touched\n",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `above` with traps, in it the workspace `mine` with the same ones, a version, and a git repository."""
    above = tmp_path_factory.mktemp("shadowed") / "above"
    above.mkdir()
    mine = above / "mine"
    # Before the traps: git and DVC are not what is tested.
    assert rollmill(above, "init", "mine", "--bare").returncode == 0
    subprocess.run(["git", "init", "-q"], cwd=mine, check=True)
    subprocess.run([sys.executable, "-P", "-m", "dvc", "init", "-q"], cwd=mine, check=True)
    (mine / "small.yaml").write_text(RECIPE % (ROOT / "models" / "rollmill-tiny"))
    for folder in (above, mine):
        set_traps(folder)
    done = rollmill(mine, "curate", "small.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_untouched(mine)
    return mine


def set_traps(folder: Path) -> None:
    """A module for each name that Python or a package has, which notes that it was imported; and files of settings."""
    touched = touched_by(folder)
    trap = f"with open({str(touched)!r}, 'a') as file:\n    file.write(__name__ + '\\n')\nraise ImportError('a trap')\n"
    installed = importlib.metadata.packages_distributions()
    names = {name.split("/")[0] for name in (*sys.stdlib_module_names, *installed, *OPTIONAL.split(), "touched", "python3")}
    for name in sorted(names):
        if name.isidentifier():
            (folder / f"{name}.py").write_text(trap)
    for name in ("flows", "pipelines", "storage", "dashboards", "rollmill"):
        (folder / f"{name}.py").write_text(trap)
    for name, text in SETTINGS.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)


def touched_by(folder: Path) -> Path:
    above = next(path for path in (folder, *folder.parents) if path.name == "above")
    return above.with_name("touched.txt")


def assert_untouched(place: Path) -> None:
    touched = touched_by(place)
    assert not touched.exists() or touched.read_text() == ""


def rollmill(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [ROLLMILL, *arguments],
        cwd=place,
        env={**environment, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("dataset", "verify", "small"),
        ("dataset", "export", "small", "--out", "small.jsonl"),
        ("dataset", "pull", "small"),
        ("certify", "number"),
        ("doctor", "--quick"),
        ("schedule", "list"),
        ("train", "small.yaml"),
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_no_command_takes_a_module_or_a_setting_of_its_folder(place: Path, arguments: tuple[str, ...]) -> None:
    done = rollmill(place, *arguments)
    assert "Traceback" not in done.stderr
    assert_untouched(place)


def test_nor_with_directory(place: Path) -> None:
    done = rollmill(place.parent, "--directory", "mine", "dataset", "verify", "small")
    assert done.returncode == 0, done.stderr
    assert_untouched(place)


def test_a_leading_colon_in_pythonpath_is_not_the_folder_of_the_call(place: Path) -> None:
    from rollmill.pipelines.processes.spawn import environment, module_command

    with_colon = environment(f":{place.parent / 'nothing'}::")
    done = subprocess.run(
        [*module_command("rollmill.pipelines.processes.frames")], cwd=place, env=with_colon, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert_untouched(place)


@pytest.fixture
def dashboard(place: Path) -> Iterator[str]:
    port = "18" + str(os.getpid() % 1000).zfill(3)
    child = subprocess.Popen(
        [ROLLMILL, "dashboard", "--port", port], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield child.stdout.readline().split()[0]
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def test_the_dashboard_obeys_no_settings_of_streamlit_in_its_folder(place: Path, dashboard: str) -> None:
    from urllib.parse import urlsplit

    base = f"http://127.0.0.1:{urlsplit(dashboard).port}"
    with urllib.request.urlopen(f"{base}/_stcore/health", timeout=20) as reply:  # with `baseUrlPath` it is elsewhere
        assert reply.status == 200
    time.sleep(0.5)
    assert_untouched(place)
