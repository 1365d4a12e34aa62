"""Name of the model of lm-evaluation-harness's samples, which the results file beside them holds."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs.evaluation_log import json_object, unfolded_log, whole_text
from rollmill.storage.imports.logs.lm_eval import model_of, results_beside

Values = dict[str, Any]


@dataclass(slots=True)
class LoggedModels:
    """Models of the samples at a path, a file or a folder of them. `counts`: answers by model and results file, counted
    here.
    """

    path: Path
    counts: Counter[tuple[str, str]]
    known: dict[Path, tuple[str, Path] | None] = field(default_factory=dict)

    def named(self, where: str, rows: list[Values]) -> list[Values]:
        """The rows with the name of their model, unless they have one. `where`: their place in the file or folder."""
        # A place in a folder is "FILE, line N".
        file = self.path / where.rpartition(", ")[0] if self.path.is_dir() else self.path
        if file not in self.known:
            self.known[file] = _model_of(file)
        known_model = self.known[file]
        if known_model is None:
            return rows
        name, results = known_model
        self.counts[name, results.name] += sum("model" not in row for row in rows)
        return [{"model": name, **row} for row in rows]


def _model_of(samples: Path) -> tuple[str, Path] | None:
    """Model of a samples file, with the file that names it; None without a file that can be read."""
    path = results_beside(samples)
    if path is None or not path.is_file():
        return None
    try:
        name = model_of(json_object(path, whole_text(path, unfolded_log(path))))
    except SetupError:
        return None  # the answers are whole without it
    return None if name is None else (name, path)
