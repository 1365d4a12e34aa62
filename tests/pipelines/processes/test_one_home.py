"""Starting children, tying them to their parent and reading /proc/PID/stat happen in one folder and nowhere else."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOME = "pipelines/processes/"
# They run inside the box, where nothing of ours but themselves can be imported.
GUESTS = ("pipelines/sandbox/guest/", "methods/proofs/rollmill_proofs/coq/guest_program.py")
LEDGER = "storage/ledger/owners.py"  # storage imports no step, and a lease's owner is told by its start
PRODUCT = ("flows", "pipelines", "storage", "dashboards", "rollmill", "methods")


def uses(source: str) -> set[str]:
    """What of the three a source does."""
    found = set[str]()
    if not any(word in source for word in ("Popen", "prctl", "/proc/")):
        return found  # most: nothing to parse
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found |= {"start"} if name == "Popen" else {"tie"} if name == "prctl" else set()
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)  # type: ignore[misc]
            found |= {"stat"} if text.startswith("/proc/") and "stat" in text else set()
    return found


def test_the_three_are_recognised() -> None:
    assert uses("import subprocess\nsubprocess.Popen(['true'])") == {"start"}
    assert uses("from subprocess import Popen\nPopen(['true'])") == {"start"}
    assert uses("libc.prctl(1, 9)") == {"tie"}
    assert uses("open(f'/proc/{pid}/stat')") == {"stat"}
    assert uses("subprocess.run(['true'])") == set()


def test_they_have_one_home() -> None:
    places = {
        (str(path.relative_to(ROOT)), use)
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        for use in uses(path.read_text(encoding="utf-8"))
    }
    assert {(place, use) for place, use in places if not place.startswith((HOME, *GUESTS))} == {(LEDGER, "stat")}
    assert {use for place, use in places if place.startswith(HOME)} == {"start", "tie", "stat"}
