"""The process in which somebody else's method runs: takes its source, confines itself, answers questions about records.

Started by `MethodBox` behind bubblewrap, without environment, network or files of the person. Everything of ours is
imported before the method's source is looked at.
"""

import contextlib
import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rollmill.ground.records import Verdict
from rollmill.pipelines.processes.child import limit_memory, take_pipes
from rollmill.pipelines.processes.frames import receive, send
from rollmill.pipelines.sandbox import seccomp
from rollmill.pipelines.sandbox.guest import system
from rollmill.pipelines.sandbox.launch import NOBODY
from rollmill.pipelines.sandbox.method_records import completion_of, plain, problem_of, rollout_of
from rollmill.roles.user_code import load_module, signed

_MEMORY = 2 << 30  # bytes of each process
_PROCESSES = 256  # of this user id: boxes of other commands count too
_FILE = 16 << 20
_DESCRIPTORS = 768
_CPU_SECONDS = 3600
_LONGEST = 300  # characters of an error


@runtime_checkable
class _ReadsVotes(Protocol):
    """A verifier of votes (rollmill/roles/protocols.py, which sandboxes are not built on)."""

    def bind(self, cast: Any, plan: str) -> None: ...


def main() -> None:
    """Confine this process, load the method of the first message, answer until the input ends."""
    questions, answers = take_pipes()
    hello = receive(questions)
    if hello is None:
        return
    confine()
    try:
        method = load(hello)
        send(answers, _described(hello["role"], method))
    except BaseException as error:  # whatever it raises is the finding
        send(answers, {"failed": words(error)})
        return
    answer = ANSWERS[hello["role"]]
    while (question := receive(questions)) is not None:
        try:
            reply: dict[str, Any] = {"answers": answer(method, question["items"])}
        except BaseException as error:
            reply = {"failed": words(error)}
        send(answers, reply, finite=False)
    os._exit(0)  # its threads and exit handlers are not ours to wait for


def confine() -> None:
    """Give up root, limit this process and its children, and take the system calls of a program alone."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):  # what it prints would else fill a pipe that nobody reads
        os.dup2(null, number)
    if os.getuid() == 0:
        system.drop_privileges(NOBODY)
    limit_memory(_MEMORY)
    limits: Mapping[int, int] = {
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_FSIZE: _FILE,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_NPROC: _PROCESSES,
        resource.RLIMIT_CORE: 0,
    }
    for which, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a stricter limit stays
            resource.setrlimit(which, (value, value))
    system.no_new_privileges()
    system.install_filter(seccomp.whole(platform.machine(), _PROCESSES))


def load(hello: Mapping[str, Any]) -> Any:
    """An instance of the class in the source that came with the first message."""
    path = Path.cwd() / f"method_{hello['digest'][:16]}.py"
    path.write_text(hello["text"], encoding="utf-8")
    method = getattr(load_module(path.name, path.parent), hello["attribute"])(**hello["options"])
    if isinstance(method, _ReadsVotes):
        raise TypeError("it reads votes, which no box has")
    return signed(method, "version", hello["mark"])


def _described(role: str, method: Any) -> dict[str, Any]:
    description: dict[str, Any] = {"name": str(method.name), "version": str(method.version)}
    if role == "policy":
        description |= {"lazy": bool(method.lazy), "over": [str(name) for name in method.over]}
    return description


def _judged(method: Any, items: Sequence[Any]) -> list[dict[str, Any]]:
    pairs = [(problem_of(problem), completion_of(completion)) for problem, completion in items]
    return [plain(verdict) for verdict in method.verify_many(pairs)]


def _decided(method: Any, items: Sequence[Any]) -> list[dict[str, Any]]:
    return [plain(method.decide([Verdict(**verdict) for verdict in verdicts])) for verdicts in items]


def _selected(method: Any, items: Sequence[Any]) -> list[dict[str, Any]]:
    [run, rollouts] = items
    return [plain(decision) for decision in method.select(run, [rollout_of(rollout) for rollout in rollouts]) or ()]


ANSWERS: Mapping[str, Callable[[Any, Sequence[Any]], list[dict[str, Any]]]] = {
    "verifier": _judged,
    "policy": _decided,
    "selector": _selected,
}
"""The roles whose methods run in a box: pure functions over records."""


def words(error: BaseException) -> str:
    """The error in one line of bounded length."""
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:_LONGEST]
    except Exception:
        return type(error).__name__


if __name__ == "__main__":
    main()
