"""All logs at a path, each adopted by itself; one that cannot be read is named with the reason, and the rest go on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.adopting.adopt import AdoptRequest, Row, adopt_log, default_name, longest_name
from flows.adopting.log import EvaluationLog
from flows.adopting.tools import Tool, logs_at, read_logs, unreadable_at
from storage.ground.errors import SetupError, Unavailable


@dataclass(frozen=True, slots=True)
class Adoption:
    """The reports of the adopted logs, and what could not be adopted: `path`, `why`, `next`."""

    reports: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)


def adopt_all(request: AdoptRequest, begin: Callable[[str], Any] = str) -> Adoption:
    """Adopt every log at a path, one after the other, told apart by task and model.

    Where there is one log, its error is raised. What may pass by itself (a full disk, a lock) ends the whole command.
    """
    files = logs_at(request.path)
    without = unreadable_at(request.path)
    adoption = Adoption(refused=[_refused(file, error) for file, error in without])
    names: set[str] = set()
    for tool, file in files:
        try:
            _adopt_file(request, tool, file, (names, len(files) > 1), adoption, begin)
        except Unavailable:
            raise
        except SetupError as error:
            if len(files) + len(without) == 1:
                raise
            adoption.refused.append(_refused(file, error))
    return adoption


def _adopt_file(
    request: AdoptRequest,
    tool: Tool,
    file: Path,
    naming: tuple[set[str], bool],
    adoption: Adoption,
    begin: Callable[[str], Any],
) -> None:
    """Adopt the logs of one file; `naming`: the names that are taken, and whether there are other files."""
    names, of_several = naming
    for place, log in enumerate(read_logs(tool, file, request.max_bytes, request.label)):
        name = request.name if place == 0 and not of_several else None
        name = _free(names, log, name or _name(request.name, log, of_several=of_several))
        adoption.reports.append(adopt_log(request, log, name, begin))


def _name(asked: str | None, log: EvaluationLog, *, of_several: bool) -> str:
    """The name of one log of several: of its task and model, or the one asked for with what tells it apart."""
    if asked is None:
        return default_name(log)
    return f"{asked}-{default_name(log)}" if of_several else f"{asked}.{log.chosen}"


def _free(names: set[str], log: EvaluationLog, name: str) -> str:
    """The name, or with a number where another log of this command has it; the same each time for the same logs."""
    longest, number, free = longest_name(log), 1, name
    if len(name) > longest and names:
        free = name = name[:longest].strip("-._")
    while free in names:
        number += 1
        free = name[: longest - len(f"-{number}")].strip("-._") + f"-{number}"
    names.add(free)
    return free


def _refused(path: Path, error: SetupError) -> Row:
    return {"path": str(path), "why": error.message.removeprefix(f"{path}: "), "next": error.next_command}
