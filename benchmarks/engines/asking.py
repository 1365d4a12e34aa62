"""Engines for samples of problems, and line-by-line dialogue with a program of another environment."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, requests_for
from rollmill.roles.engine_roles import Generator


def requests_of(
    engine: Generator,
    problems: Iterable[Problem],
    samples: int,
    sampling: Sampling,
    *,
    stream: str = "pilot",
    seed: int = 0,
) -> list[Request]:
    """So many requests of each problem, problem by problem."""
    origin = Origin(engine.engine, engine.model_digest, stream, seed)
    return [
        request
        for problem in problems
        for request in requests_for(problem, engine.render(problem.prompt), sampling, origin, range(samples))
    ]


def tokens_of(completions: Iterable[Completion]) -> int:
    """The tokens drawn for them."""
    return sum(completion.tokens_out or 0 for completion in completions)


class PeerProcess:
    """A program that says a line of JSON once it is ready, and one for each line that it is given."""

    def __init__(self, command: Sequence[str], *, errors: Any = subprocess.DEVNULL, env: Mapping[str, str] | None = None):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=env)
        self.ready = self._line()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, value: Any) -> Any:
        """Answer to a value."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()
        return self._line()

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            command = " ".join(map(str, self._process.args))  # type: ignore[arg-type]
            raise SystemExit(f"ended with {self._process.wait()}: {command}; has its interpreter what it imports?")
        return json.loads(line)
