"""All logs at a path, adopted one by one; an unreadable log is reported with its reason, the others are adopted."""

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from rollmill.flows.adopting.adopt import AdoptRequest, Row, adopt_log, default_name, longest_name
from rollmill.flows.driver import Executor, Outcome, RequestKind
from rollmill.flows.progress import Progress
from rollmill.ground.errors import FoundWanting, SetupError, Unavailable
from rollmill.storage.imports.logs.evaluation_log import EvaluationLog
from rollmill.storage.imports.logs.tools import Tool, logs_at, read_logs, unreadable_at


class Adopt(RequestKind):
    """Adopt all logs at a path as evaluations of this workspace, named by task and model.

    The outcome has `adopted`, the reports, and `refused`, the logs that could not be adopted: `path`, `why`, `next`. Where
    there is one log, its error is raised. A temporary error (a full disk, a lock) ends the job.
    """

    def __init__(self, request: AdoptRequest) -> None:
        self.request, self._files = request, logs_at(request.path)
        self._unreadable = unreadable_at(request.path)

    @property
    def command(self) -> str:
        """Command line that repeats the request. A repetition does not judge again the logs that are adopted already."""
        request = self.request
        words = ["rollmill", "adopt", str(request.path), *(["--name", request.name] if request.name else [])]
        words += [word for verifier in request.verify for word in ("--verify", verifier)]
        words += ["--label", request.label] if request.label else []
        return shlex.join([*words, *(["--max-bytes", str(request.max_bytes)] if request.max_bytes else [])])

    def open(self, progress: Progress) -> AbstractContextManager[Progress]:
        """The job's progress: each log opens the workspace for itself."""
        return nullcontext(progress)

    def stages(self, progress: Progress, executor: Executor) -> Outcome:
        """Adopt each log."""
        adopted: list[Row] = []
        refused = [_refused(file, error) for file, error in self._unreadable]
        names: set[str] = set()
        for tool, file in self._files:
            try:
                # Reading is inside the block too: a log that is cut off is refused like one that does not fit.
                for name, log in self._logs(tool, file, names):
                    adopted.append(executor.stage("adopt", partial(adopt_log, self.request, log, name, progress), log=name))
            # It is a SetupError too, and the next log would meet the same full disk.
            except Unavailable:
                raise
            except SetupError as error:
                if len(self._files) + len(self._unreadable) == 1:
                    raise
                refused.append(_refused(file, error))
        return {"adopted": adopted, "refused": refused}

    def _logs(self, tool: Tool, file: Path, names: set[str]) -> Iterator[tuple[str, EvaluationLog]]:
        """The logs of one file, each with a free name; `names`: those that are taken."""
        request, of_several = self.request, len(self._files) > 1
        for place, log in enumerate(read_logs(tool, file, request.max_bytes, request.label)):
            # A name stands for the first log alone; others from the same file add their rule to it.
            name = request.name if place == 0 and not of_several else None
            yield _free(names, log, name or _name(request.name, log, of_several=of_several)), log

    def check(self, outcome: Outcome) -> None:
        """FoundWanting if a log of several could not be adopted."""
        refused, logs = len(outcome["refused"]), len(outcome["refused"]) + len(outcome["adopted"])
        if refused:
            raise FoundWanting(f"{refused:,} of {logs:,} logs were not adopted.")

    def line(self, outcome: Outcome) -> str:
        """Number of logs that were adopted."""
        return f"{len(outcome['adopted']):,} logs adopted, {len(outcome['refused']):,} not"


def _name(asked: str | None, log: EvaluationLog, *, of_several: bool) -> str:
    """Name of one log of several: its task and model, or the requested name with a distinguishing suffix, cut to fit."""
    if asked is None:
        return default_name(log)
    name = f"{asked}-{default_name(log)}" if of_several else f"{asked}.{log.chosen}"
    return name if len(name) <= longest_name(log) else name[: longest_name(log)].strip("-._")


def _free(names: set[str], log: EvaluationLog, name: str) -> str:
    """The name, or with a number where another log of this command has it; the same each time for the same logs."""
    number, free = 1, name
    while free in names:
        number += 1
        # Cut before the number is added, or the number itself would be cut off.
        free = name[: longest_name(log) - len(f"-{number}")].strip("-._") + f"-{number}"
    names.add(free)
    return free


def _refused(path: Path, error: SetupError) -> Row:
    return {"path": str(path), "why": error.message.removeprefix(f"{path}: "), "next": error.next_command}
