"""Verifiers, policies and selectors of somebody else, each in a box: they see the records that they judge and nothing else.

No environment, file, descriptor or network of the person's; the walls and the system call filter are those of generated
programs. What comes back is plain data, checked for its types. Methods of other roles never run from a manifest.
"""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from inspect import Parameter, Signature
from keyword import iskeyword
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Decision, Problem, Rollout, Verdict
from rollmill.pipelines.processes.frames import BadFrame, Message, framed, packed, read_frame, unpacked
from rollmill.pipelines.processes.spawn import spawn
from rollmill.pipelines.sandbox.launch import method_box
from rollmill.pipelines.sandbox.method_records import plain, returned

_PACKAGE = __name__.rpartition(".")[0]
_ANSWER = 256 << 20  # bytes of an answer
_ITEMS = 64  # rollouts in a question
_SECONDS = 600.0  # until an answer
_SCRATCH_MIB = 64
_FORBIDDEN = (128 + signal.SIGSYS, -signal.SIGSYS)  # bubblewrap passes a signal on as a shell does


class BoxFailed(SetupError):  # noqa: N818 - says what happened
    """A method of somebody else that does not do its work in the sandbox."""


@dataclass(frozen=True, slots=True)
class MethodSource:
    """A class in a Python file as a manifest keeps it. `place`: the file and class as people know them; `mark`: the suffix
    of its version.
    """

    role: str
    place: str
    attribute: str
    text: str
    digest: str
    mark: str
    options: Mapping[str, Any] = field(default_factory=dict)


class MethodBox:
    """A started box with one method in it. SetupError for a machine without the sandbox, and for a method that fails."""

    def __init__(self, source: MethodSource) -> None:
        self._place = source.place
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_SECONDS)
        folders = [Path(place) for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
        command = method_box([place for place in folders if place.is_dir()], f"{_PACKAGE}.method_child", _SCRATCH_MIB)
        end = theirs.fileno()
        try:
            self._process = spawn(command, {}, stdin=end, stdout=end, stderr=subprocess.PIPE, cwd="/")
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()  # while a copy is open here, the child's end would not be noticed
        try:
            self.described = self._exchange(asdict(source))
        except BaseException:
            self.close()
            raise

    def ask(self, items: Sequence[Any]) -> list[Any]:
        """The method's answers to one question."""
        answers = self._exchange({"items": items}).get("answers")
        if not isinstance(answers, list):
            raise self.error("it answered nothing")
        return answers

    def checked(self, kind: Any, values: Any) -> Any:
        """A record that the method returned."""
        try:
            return returned(kind, values)
        except (ValueError, TypeError) as error:
            raise self.error(str(error)) from None

    def close(self) -> None:
        """End the box and every process in it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _exchange(self, message: Message) -> Message:
        try:
            self._socket.sendall(framed(packed(message, finite=False)))
            payload = read_frame(self._socket.recv, _ANSWER)
            answer = None if payload is None else unpacked(payload)
        except TimeoutError:
            raise self.error(f"no answer in {_SECONDS:.0f} s") from None
        except (BadFrame, OSError) as error:
            raise self.error(str(error)) from None
        if answer is None:
            raise self.error(f"its process ended ({self._last_words()})")
        if "failed" in answer:
            raise self.error(str(answer["failed"]))
        return answer

    def error(self, why: str) -> BoxFailed:
        """The error for a method that does not do its work."""
        return BoxFailed(f"{self._place} fails in the sandbox: {why}.", next_command="rollmill doctor checks the sandbox")

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._process.kill()
        if self._process.wait() in _FORBIDDEN:
            return "a system call that no program may make"
        assert self._process.stderr is not None
        with contextlib.suppress(OSError):
            lines = self._process.stderr.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
            return lines[-1] if lines else "it said nothing"
        return "it said nothing"


class _Boxed:
    """A method in a box: its name and version, as it states them."""

    def __init__(self, source: MethodSource) -> None:
        self.box = MethodBox(source)
        self.name = str(self.box.described["name"])
        self.version = str(self.box.described["version"]).removesuffix(source.mark)

    def close(self) -> None:
        """End the box."""
        self.box.close()


class BoxedVerifier(_Boxed):
    """A verifier in a box."""

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """Verdict on one completion."""
        return next(self.verify_many([(problem, completion)]))

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order."""
        pairs = list(items)
        for start in range(0, len(pairs), _ITEMS):
            part = pairs[start : start + _ITEMS]
            answers = self.box.ask([[plain(problem), plain(completion)] for problem, completion in part])
            for (problem, completion), values in zip(part, answers, strict=False):
                verdict: Verdict = self.box.checked(Verdict, values)
                if (verdict.completion_id, verdict.problem_id) != (completion.id, problem.id):
                    raise self.box.error("its verdict is about another completion")
                yield verdict
            if len(answers) != len(part):
                raise self.box.error(f"it gave {len(answers)} verdicts on {len(part)} completions")


class BoxedPolicy(_Boxed):
    """An acceptance policy in a box."""

    def __init__(self, source: MethodSource) -> None:
        super().__init__(source)
        self.lazy: bool = bool(self.box.described["lazy"])
        self.over: tuple[str, ...] = tuple(map(str, self.box.described["over"]))

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The accepted verdict."""
        [values] = self.box.ask([[plain(verdict) for verdict in verdicts]]) or [None]
        verdict: Verdict = self.box.checked(Verdict, values)
        return verdict


class BoxedSelector(_Boxed):
    """A selector in a box."""

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """A decision for each rollout of one problem."""
        for values in self.box.ask([run, [plain(rollout) for rollout in rollouts]]):
            yield self.box.checked(Decision, values)


BOXED: Mapping[str, type[_Boxed]] = {"verifier": BoxedVerifier, "policy": BoxedPolicy, "selector": BoxedSelector}
"""The roles whose methods run in a box: pure functions over records."""


def boxed_class(source: MethodSource, options: Iterable[str]) -> type[Any]:
    """A class that stands for the one in the file: built with these options, it starts a box with that class in it."""

    def start(self: Any, **options: Any) -> None:
        parent.__init__(self, MethodSource(**{**given, "options": options}))

    parent = BOXED[source.role]
    given = asdict(source)
    named = [Parameter(name, Parameter.KEYWORD_ONLY) for name in options if name.isidentifier() and not iskeyword(name)]
    return type(source.attribute, (parent,), {"__init__": start, "__signature__": Signature(named), "__module__": __name__})
