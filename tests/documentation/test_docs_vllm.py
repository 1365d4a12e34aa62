"""The section on vLLM without a GPU, command by command, in a copy of the checkout, against a real vLLM on the CPU."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.vllm, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/start-a-model-server.md").read_text()
SECTION = re.search(r"^## vLLM without a GPU\n(.*?)^## ", PAGE, flags=re.MULTILINE | re.DOTALL)
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
    outputs = []
    for command in COMMANDS[1:]:
        words = [str(workspace / ".venv/bin" / command.split()[0]), *command.split()[1:]]
        completed = subprocess.run(words, cwd=workspace, capture_output=True, text=True)
        assert completed.returncode == 0, f"{command}\n{completed.stdout[-2000:]}\n{completed.stderr[-2000:]}"
        outputs.append(completed.stdout)
    assert "can be started from" in outputs[0]
    assert re.search(r"\d+ completions drawn, [\d,]+ tokens", outputs[1])
    assert "nothing was drawn" in outputs[2]
    assert len(list((workspace / ".rollmill" / "logs").glob("serve-*.log"))) == 1
