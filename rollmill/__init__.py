"""Rollmill from Python: model rollouts into versioned datasets.

    import rollmill

    rollmill.curate("recipes/arithmetic.yaml")                      # as the command does; resumes, draws nothing twice
    with rollmill.open() as workspace:                              # the workspace here or above, for reading
        workspace.rollouts(dataset="arithmetic").df()
        workspace.pass_rates(by="level")
    rollmill.evaluate("recipes/evaluations/arithmetic.yaml")        # benchmarks x models, with intervals
    rollmill.compare("arithmetic-eval:tiny", "arithmetic-eval:tiny-cool")
    rollmill.verify([{"prompt": "1/2 + 1/4?", "reference": "3/4", "answer": "0.75"}])

These names are all that is public; the command line `rollmill` does everything else. What a person can mend is raised as
`SetupError`, which names the value, the valid choices and the next command; a check that said no is `FoundWanting`.
"""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.cli.notebook import compare, curate, evaluate, leaderboard
    from pipelines.verify import verify
    from storage.errors import FoundWanting, RollmillError, SetupError
    from storage.queries.notebook import WorkspaceView as Workspace
    from storage.queries.notebook import open_workspace as open  # noqa: A004
    from storage.records import Completion, Message, Problem, Verdict

_NAMES = {
    "open": "storage.queries.notebook:open_workspace",
    "Workspace": "storage.queries.notebook:WorkspaceView",
    "curate": "flows.cli.notebook:curate",
    "evaluate": "flows.cli.notebook:evaluate",
    "compare": "flows.cli.notebook:compare",
    "leaderboard": "flows.cli.notebook:leaderboard",
    "verify": "pipelines.verify:verify",
    "Problem": "storage.records:Problem",
    "Message": "storage.records:Message",
    "Completion": "storage.records:Completion",
    "Verdict": "storage.records:Verdict",
    "RollmillError": "storage.errors:RollmillError",
    "SetupError": "storage.errors:SetupError",
    "FoundWanting": "storage.errors:FoundWanting",
}

# An installed wheel carries flows, pipelines, storage and dashboards inside this package, so that no name as plain as these
# lies in site-packages; in a checkout they lie beside it, where the editable install finds them.
_INSTALLED = Path(__file__).resolve().parent
if (_INSTALLED / "flows").is_dir() and str(_INSTALLED) not in sys.path:
    # First on the path, or another distribution's package `storage` or `flows` would be found before ours.
    sys.path.insert(0, str(_INSTALLED))


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import rollmill` alone loads nothing."""
    if name not in _NAMES:
        raise AttributeError(f"module 'rollmill' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, _, attribute = _NAMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    # Later look-ups find the name in the module and do not come here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]


__all__ = [
    "Completion",
    "FoundWanting",
    "Message",
    "Problem",
    "RollmillError",
    "SetupError",
    "Verdict",
    "Workspace",
    "compare",
    "curate",
    "evaluate",
    "leaderboard",
    "open",
    "verify",
]
