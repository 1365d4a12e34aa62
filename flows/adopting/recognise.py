"""Whose log lies at a path: the tools that are known, each with how its logs are found and read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.adopting import inspect_ai, lighteval, lm_eval, nemo_skills, verifiers
from flows.adopting.log import Log, broken
from storage.errors import SetupError

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: `logs_at` names the logs at a path, `read` reads one of them."""

    name: str
    files: str
    logs_at: Callable[[Path], list[Path]]
    read: Callable[[Path], Log]


TOOLS: Mapping[str, Tool] = {
    "lm_eval": Tool(lm_eval.TOOL, "samples_*.jsonl beside results_*.json", lm_eval.logs_at, lm_eval.read),
    "inspect": Tool(inspect_ai.TOOL, "*.eval, or its JSON log", inspect_ai.logs_at, inspect_ai.read),
    "lighteval": Tool(lighteval.TOOL, "details_*.parquet with results_*.json", lighteval.logs_at, lighteval.read),
    "verifiers": Tool(verifiers.TOOL, "results.jsonl beside metadata.json", verifiers.logs_at, verifiers.read),
    "nemo_skills": Tool(nemo_skills.TOOL, "output*.jsonl beside metrics.json", nemo_skills.logs_at, nemo_skills.read),
}


def log_at(path: Path, tool: str | None = None) -> Log:
    """The one log at a path (a file, or the folder that a tool wrote); SetupError where there is none or several."""
    if not path.exists():
        raise SetupError(f"{path} does not exist.", next_command=f"ls {path.parent}")
    known = TOOLS if tool is None else {tool: TOOLS[tool]}
    logs = [(one, file) for one in known.values() for file in one.logs_at(path)]
    if not logs:
        raise _none(path)
    if len(logs) > 1:
        choices = [str(file) for _, file in logs[:_SHOWN]]
        raise SetupError(
            f"{path} holds {len(logs)} logs; one is adopted at a time.",
            choices=choices,
            next_command=f"rollmill adopt {choices[0]}",
        )
    [(one, file)] = logs
    return one.read(file)


def _none(path: Path) -> SetupError:
    if lm_eval.results_alone(path):
        return broken(path, "results of lm-evaluation-harness without samples", "lm_eval run ... --log_samples")
    choices = [f"{tool.name} ({tool.files})" for tool in TOOLS.values()]
    return SetupError(
        f"{path} holds no log that is known here.",
        choices=choices,
        next_command="rollmill import rollouts FILE --name NAME",
    )
