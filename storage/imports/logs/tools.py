"""The tools whose logs are known, and the logs that lie at a path."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs import inspect_ai, lighteval, lm_eval, nemo_skills, verifiers
from rollmill.storage.imports.logs.evaluation_log import EvaluationLog, unfolded_log
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Tool:
    """Evaluation tool: `logs_at` lists the logs at a path, `read` reads a log, which may hold several evaluations."""

    name: str
    files: str
    logs_at: Callable[[Path], list[Path]]
    read: Callable[[Path, Unfolded], EvaluationLog | list[EvaluationLog]]


TOOLS: Mapping[str, Tool] = {
    "lm_eval": Tool(lm_eval.TOOL, "samples_*.jsonl beside results_*.json", lm_eval.logs_at, lm_eval.read),
    "inspect": Tool(inspect_ai.TOOL, "*.eval, or its JSON log", inspect_ai.logs_at, inspect_ai.read),
    "lighteval": Tool(lighteval.TOOL, "details_*.parquet with results_*.json", lighteval.logs_at, lighteval.read),
    "verifiers": Tool(verifiers.TOOL, "results.jsonl beside metadata.json", verifiers.logs_at, verifiers.read),
    "nemo_skills": Tool(nemo_skills.TOOL, "output*.jsonl beside metrics.json", nemo_skills.logs_at, nemo_skills.read),
}


def logs_at(path: Path) -> list[tuple[Tool, Path]]:
    """The files of all logs at a path (a file, or the folder that a tool wrote); SetupError if there is none."""
    if not path.exists():
        raise SetupError(f"{path} does not exist.", next_command=f"ls {path.parent}")
    if not (path.is_file() or path.is_dir()):
        raise SetupError(f"{path} is not a file.", next_command=f"ls -l {path.parent}")
    files = [(tool, file) for tool in TOOLS.values() for file in tool.logs_at(path)]
    if files:
        return files
    # Numbers without answers are the usual mistake: the tool logs samples only when asked.
    if lm_eval.results_alone(path):
        raise _without_samples(path)
    raise SetupError(
        f"{path} holds no log that is known here.",
        choices=[f"{tool.name} ({tool.files})" for tool in TOOLS.values()],
        next_command="rollmill import rollouts FILE --name NAME",
    )


def unreadable_at(path: Path) -> list[tuple[Path, SetupError]]:
    """Logs in a folder that lack their answers, each with the reason that it cannot be read."""
    return [(file, _without_samples(file)) for file in lm_eval.results_alone(path)]


def _without_samples(path: Path) -> SetupError:
    return log_error(path, "results of lm-evaluation-harness without samples", "lm_eval run ... --log_samples")


def read_logs(tool: Tool, file: Path, max_bytes: int | None = None, label: str | None = None) -> Sequence[EvaluationLog]:
    """The logs that one file holds; `label`: only those with this score, if one of them has it."""
    with _form_of(tool, file):
        read = tool.read(file, unfolded_log(file, max_bytes))
    logs = [read] if isinstance(read, EvaluationLog) else read
    return [log for log in logs if label in log.labels] or logs


@contextmanager
def _form_of(tool: Tool, file: Path) -> Iterator[None]:
    """Values of another type than the tool writes, anywhere in a log, raise one error that names the log."""
    try:
        yield
    # A SetupError is none of these, so what a reader refuses itself keeps its own words.
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The error may quote a whole row.
        text = f"{type(error).__name__}: {error}"[:200]
        raise log_error(file, f"it has another form than {tool.name} writes ({text})") from error


def log_at(path: Path, max_bytes: int | None = None, label: str | None = None) -> EvaluationLog:
    """Single log at a path; SetupError if there is none or several."""
    files = logs_at(path)
    if len(files) > 1:
        raise _several(path, [str(file) for _, file in files])
    logs = read_logs(*files[0], max_bytes, label)
    if len(logs) > 1:
        raise _several(path, [log.labels[0] for log in logs])
    return logs[0]


def _several(path: Path, choices: Sequence[str]) -> SetupError:
    return SetupError(f"{path} holds {len(choices)} logs.", choices=choices[:_SHOWN], next_command="name one of them")
