"""Files of settings that Prefect would read in a folder: prefect.toml, .env, pyproject.toml, profiles, a home of its own.

Each names a configuration of logging that runs a command, as a clone of somebody else's repository could bring it.
"""

import base64
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT
from tests.waiting import until

pytestmark = pytest.mark.security
TOYS = Path(__file__).parents[2] / "toys.py"
ROLLMILL = Path(sys.executable).with_name("rollmill")
IMPORT = "import rollmill.flows.prefect, prefect.main, prefect.logging, prefect.settings\n"
IMPORT += "print(prefect.settings.get_current_settings().api.key)"


def trap(folder: Path, canary: Path) -> Path:
    """A configuration of logging that leaves the canary."""
    path = folder / "logging.yml"
    call = {"()": "subprocess.check_output", "args": f"touch {canary}", "shell": True}
    path.write_text(json.dumps({"version": 1, "formatters": {"hostile": call}}))
    return path


def prefect_toml(folder: Path, logging: Path) -> None:
    (folder / "prefect.toml").write_text(f'[logging]\nconfig_path = "{logging}"\n')


def dotenv(folder: Path, logging: Path) -> None:
    (folder / ".env").write_text(f"PREFECT_LOGGING_CONFIG_PATH={logging}\nPREFECT_LOGGING_SETTINGS_PATH={logging}\n")


def pyproject(folder: Path, logging: Path) -> None:
    (folder / "pyproject.toml").write_text(f'[tool.prefect.logging]\nconfig_path = "{logging}"\n')


def profiles(folder: Path, logging: Path) -> Path:
    path = folder / "profiles.toml"
    path.write_text(f'active = "x"\n[profiles.x]\nPREFECT_LOGGING_CONFIG_PATH = "{logging}"\n')
    return path


def profiles_of_toml(folder: Path, logging: Path) -> None:
    (folder / "prefect.toml").write_text(f'profiles_path = "{profiles(folder, logging)}"\n')


def profiles_of_dotenv(folder: Path, logging: Path) -> None:
    (folder / ".env").write_text(f"PREFECT_PROFILES_PATH={profiles(folder, logging)}\n")


def home_of_dotenv(folder: Path, logging: Path) -> None:
    (folder / ".env").write_text(f"PREFECT_HOME={logging.parent}\n")


def plugins(folder: Path, logging: Path) -> None:
    (folder / "prefect.toml").write_text(f'[experiments.plugins]\nenabled = true\n[logging]\nconfig_path = "{logging}"\n')


SETS = {
    "settings": (prefect_toml, dotenv, pyproject),
    "profiles": (profiles_of_toml, profiles_of_dotenv),
    "home": (home_of_dotenv, plugins),
}


def python(place: Path, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=place,
        env={**inherited, "PYTHONPATH": str(ROOT), "HOME": str(place.parent / "home"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_traps_would_run_without_us(tmp_path: Path) -> None:
    """The attack itself works: Prefect alone reads the folder's file and runs its command."""
    canary = tmp_path / "canary"
    prefect_toml(tmp_path, trap(tmp_path, canary))
    assert python(tmp_path, "import prefect.main").returncode == 0
    assert canary.exists()


@pytest.mark.parametrize("kind", SETS)
def test_no_file_of_the_folder_or_its_parent_is_read_at_import(tmp_path: Path, kind: str) -> None:
    """Each file alone leads to the canary, so it is enough to write those that have different names at once."""
    folder = tmp_path / "parent" / "ws"
    folder.mkdir(parents=True)
    canary = tmp_path / "canary"
    for place in (folder, folder.parent):
        for write in SETS[kind]:
            write(place, trap(place, canary))
    done = python(folder, IMPORT)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
    assert not canary.exists()


def test_settings_of_a_users_own_server_come_from_their_environment_and_their_home(tmp_path: Path) -> None:
    folder, home = tmp_path / "ws", tmp_path / "home"
    folder.mkdir()
    (home / ".prefect").mkdir(parents=True)
    (folder / ".env").write_text("PREFECT_API_KEY=hostile\n")
    own = '[profiles.mine]\nPREFECT_API_KEY = "of-the-profile"\n'
    (home / ".prefect" / "profiles.toml").write_text(f'active = "mine"\n{own}')
    shown = IMPORT.replace("api.key", "api.key.get_secret_value()")
    assert python(folder, shown).stdout == "of-the-profile\n"
    assert python(folder, shown, PREFECT_API_KEY="of-the-environment").stdout == "of-the-environment\n"


READ = """
import sys
from prefect.results import ResultStore
if sys.argv[1:]:
    from rollmill.flows.prefect.untrusted import refuse_stored_results
    refuse_stored_results()
print(ResultStore().read("stored").result)
"""


def test_a_result_that_a_state_points_to_is_not_unpickled(tmp_path: Path) -> None:
    """A state in Prefect's database names a file; its content runs a command where it is unpickled."""
    canary, stored = tmp_path / "canary", tmp_path / "stored"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {canary}",)

    body = base64.encodebytes(pickle.dumps(Hostile())).decode()
    metadata = {"serializer": {"type": "pickle"}, "storage_key": "stored"}
    stored.write_text(json.dumps({"metadata": metadata, "result": body}))
    storage = {"PREFECT_LOCAL_STORAGE_PATH": str(tmp_path)}  # which a home that came with a clone may have
    refused = python(tmp_path, READ, "refuse", **storage)
    assert "no flow of Rollmill stores one" in refused.stderr
    assert not canary.exists()
    assert python(tmp_path, READ, **storage).returncode == 0
    assert canary.exists()  # the attack itself works


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with every file at once, also in its parent, and in a home of Prefect that came with a clone."""
    parent = tmp_path_factory.mktemp("hostile")
    folder, canary = parent / "ws", parent / "canary"
    Workspace.init(folder).close()
    (folder / "toys.py").write_text(TOYS.read_text())
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "ray.yaml").write_text("ray: {cpus: 1, rows: 64}\n")
    home = folder / ".rollmill" / "prefect"
    home.mkdir()
    trap(home, canary)
    profiles(home, home / "logging.yml")
    for place in (folder, parent):
        logging = trap(place, canary)
        for kind in (prefect_toml, pyproject, dotenv):
            kind(place, logging)
    return folder


def rollmill(place: Path, *arguments: str) -> None:
    done = subprocess.run(
        [ROLLMILL, *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_command_of_the_workspace_reads_them(hostile: Path) -> None:
    canary = hostile.parent / "canary"
    elsewhere = hostile.parent.parent
    try:
        rollmill(elsewhere, "--directory", str(hostile), "up", "--port", "0", "--dashboard", "0")
        rollmill(hostile, "schedule", "add", "toy.yaml", "--cron", "0 2 1 1 *")
        rollmill(hostile, "curate", "toy.yaml", "--profile", "ray.yaml")  # whose workers import Prefect as well
        assert not canary.exists()
        rollmill(hostile, "schedule", "run-now", "toy")
        with Workspace.open(hostile) as workspace:
            assert until(lambda: [item.status for item in workspace.firings.recent("toy")] == ["done"], 120)
    finally:
        rollmill(hostile, "down")
    assert not canary.exists()
    shutil.rmtree(hostile)
