import os
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits, check_sandbox

ROOT = Path(__file__).parents[3]


def test_an_unknown_mode_names_the_modes() -> None:
    with pytest.raises(SetupError, match=r"unknown sandbox mode 'strickt'.*Did you mean 'strict'.*none, shared, strict"):
        Sandbox("strickt")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (SandboxLimits(cpu_seconds=0), "cpu_seconds is 0"),
        (SandboxLimits(memory_mib=8), "memory_mib is 8.*at least 64"),
        (SandboxLimits(memory_mib=100, processes=2), "2 process.* share it evenly.*at least 128"),
    ],
)
def test_limits_that_no_program_could_live_with(limits: SandboxLimits, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Sandbox("strict", limits)


def test_without_bubblewrap_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"needs bubblewrap.*Next: apt-get install bubblewrap"):
        check_sandbox("strict")
    check_sandbox("none")


def test_a_bubblewrap_that_may_not_make_namespaces_is_no_silent_fallback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for mode in ("strict", "shared"):
        with pytest.raises(SetupError, match=r"cannot start: .*No permissions to create a new namespace.*sandbox: none"):
            check_sandbox(mode)


@pytest.mark.sandbox
def test_this_machine_can(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sandbox("strict")
    check_sandbox("shared")


SCRIPT = """
from rollmill.pipelines.sandbox import Sandbox, Script, AssertTests
with Sandbox("strict") as box:
    print(box.run(AssertTests("def f(x): return x", "assert f(1) == 1", "f")).cause)
    print(box.run(Script("import os\\nos.fork()")).cause, box.run(Script("open('/etc/passwd')")).cause)
"""


def ordinary() -> dict[str, object]:
    """Root runs the script as somebody who is nobody here; anybody else as himself."""
    return {"user": 12_345, "group": 12_345, "extra_groups": []} if os.getuid() == 0 else {}


def usable(python: str) -> bool:
    """Whether an ordinary user can start this interpreter (root's own may lie in root's home) and it is new enough."""
    try:
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        return subprocess.run([python, "-c", code], cwd="/", **ordinary()).returncode == 0  # type: ignore[call-overload, no-any-return]
    except OSError:
        return False


PYTHONS = [python for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3") if usable(python)]

if PYTHONS:

    @pytest.mark.sandbox
    def test_an_ordinary_user_can_as_well() -> None:
        command = [PYTHONS[0], "-B", "-c", SCRIPT]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **ordinary())  # type: ignore[call-overload]
        assert done.stdout == "None\nsandbox_violation runtime_error\n", done.stderr
