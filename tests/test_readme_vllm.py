"""The README's section on a real model, command by command, in a copy of the checkout, against a real vLLM on the CPU."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.vllm, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[1]
SECTION = re.search(r"^## A real model\n(.*?)^## ", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
assert SECTION is not None
COMMANDS = [
    re.sub(r"\s+#.*$", "", line).strip()
    for line in "\n".join(re.findall(r"^```sh\n(.*?)^```$", SECTION[1], flags=re.MULTILINE | re.DOTALL)).splitlines()
]


@pytest.mark.timeout(1800)
def test_the_commands_of_the_section(tmp_path: Path) -> None:
    """`make vllm` has been run by the tier itself; the others run as they stand, with this checkout's environments."""
    workspace = tmp_path / "ws"
    for name in ("recipes", "profiles"):
        shutil.copytree(ROOT / name, workspace / name)
    (workspace / "rollmill.toml").write_text((ROOT / "rollmill.toml").read_text())
    (workspace / ".venv").symlink_to(Path(sys.executable).parents[1])
    assert COMMANDS[0] == "make vllm"
    said = []
    for command in COMMANDS[1:]:
        done = subprocess.run(command, shell=True, cwd=workspace, capture_output=True, text=True, env=os.environ)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        said.append(done.stdout)
    assert "can be started from" in said[0]
    assert re.search(r"\d+ completions drawn, [\d,]+ tokens", said[1])
    assert "nothing was drawn" in said[2]
    assert len(list((workspace / ".rollmill" / "logs").glob("serve-*.log"))) == 1


def test_the_readme_runner_leaves_these_commands_to_this_tier() -> None:
    spec = importlib.util.spec_from_file_location("readme_commands", ROOT / ".ci" / "readme_commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.shell_lines("\n".join(COMMANDS)) == []
