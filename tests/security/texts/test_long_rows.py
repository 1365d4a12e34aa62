"""Files of very long texts: an import holds a few of them in memory at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.json_lines import write_lines

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
# The peak of a child's own memory: what `wait4` tells begins with that of its parent.
IMPORTS = """\
import atexit, sys
from pathlib import Path
from rollmill.flows.cli import main
def told():
    words = Path("/proc/self/status").read_text().split()
    Path("peak").write_text(words[words.index("VmHWM:") + 1])
atexit.register(told)
main()
"""


def peak(folder: Path, texts: int) -> int:
    """Bytes that an import of texts of a megabyte each takes at most."""
    rows = [{"prompt": f"{n}?", "reference": "1", "model": "m", "text": os.urandom(500_000).hex()} for n in range(texts)]
    write_lines(folder / f"{texts}.jsonl", rows)
    command = ["import", "rollouts", f"{texts}.jsonl", "--name", f"of-{texts}"]
    subprocess.run([sys.executable, "-c", IMPORTS, *command], cwd=folder, check=True)
    return int((folder / "peak").read_text()) << 10


def test_two_hundred_texts_of_a_megabyte_take_little_more_memory_than_two(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    few, many = peak(tmp_path, 2), peak(tmp_path, 200)
    assert many - few < 180 << 20, (few, many)
