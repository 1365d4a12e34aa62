"""The errors a person may see. Deliberately knows nothing of what raises them.

RollmillError
 +- SetupError        the user can mend it: one line, no traceback, exit status 2
 +- FoundWanting      the command worked and its answer is "no": exit status 1
 +- CorruptSegment    a registered file is missing or does not match its checksum
"""

import difflib
from collections.abc import Iterable


class RollmillError(Exception):
    """Anything Rollmill says on purpose; everything else that is raised is a bug of ours."""


class SetupError(RollmillError):
    """A mistake the user can mend: names the value, the valid choices and the next command."""

    def __init__(self, message: str, *, choices: Iterable[str] = (), next_command: str | None = None) -> None:
        self.message = message
        self.choices = tuple(choices)
        self.next_command = next_command
        super().__init__(self.text())

    def text(self) -> str:
        """The whole message on one line."""
        parts = [self.message]
        if self.choices:
            parts.append(f"Valid: {', '.join(self.choices)}.")
        if self.next_command:
            parts.append(f"Next: {self.next_command}")
        return " ".join(parts)


class FoundWanting(RollmillError):  # noqa: N818 - not an error of anybody
    """A check ran to its end and said no (a failed gate, a version that does not verify)."""

    def __init__(self, message: str, *, next_command: str | None = None) -> None:
        self.message = message
        self.next_command = next_command
        super().__init__(message if next_command is None else f"{message}\nNext: {next_command}")


class CorruptSegment(RollmillError):  # noqa: N818 - names what was found
    """A registered segment file is missing or differs from its recorded checksum."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"segment {path} is {problem}")


def broken(what: str) -> SetupError:
    """A method, maybe a user's own, that does not give what its role owes (pipelines/protocols.py)."""
    return SetupError(f"{what}.", next_command="mend it and run the same command again; what was drawn is kept")


def unknown_name(what: str, name: str, known: Iterable[str], *, next_command: str | None = None) -> SetupError:
    """A SetupError for a misspelt name that suggests the nearest known one."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return SetupError(f"unknown {what} {name!r}.{hint}", choices=choices, next_command=next_command)


def interrupted(error: BaseException) -> bool:
    """Whether a person stopped the work: DuckDB answers Ctrl-C within a query with a RuntimeError of these words."""
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"
