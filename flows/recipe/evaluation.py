"""The parts of a recipe's `evaluation:`, each with what it stands for: a synthesizer, an imported set or a file.

A file is hashed, so that another content is another recipe. Knows no workspace.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.recipe.methods import Resolved, resolve
from flows.recipe.schema import Evaluation
from storage.errors import SetupError


@dataclass(frozen=True, slots=True)
class LoadedEvaluation:
    """One set of held-out problems: of a synthesizer (`method`), of a file (`path`, `sha256`), or imported."""

    part: Evaluation
    method: Resolved | None = None
    path: Path | None = None
    sha256: str | None = None

    def canonical(self) -> dict[str, Any]:
        """As plain JSON with every default; made problems as in every recipe before there were other sources."""
        data = self.part.model_dump(mode="json")
        if self.part.imported is not None:
            return {"imported": self.part.imported}
        if self.part.file is not None:
            return {"file": self.part.file, "map": data["map"], "sha256": self.sha256}
        assert self.method is not None
        filled = {key: data[key] for key in ("synthesize", "count", "seed")}
        filled["options"] = {key: value for key, value in self.method.options.items() if key not in filled}
        own = self.method.source_sha256
        return filled if own is None else {**filled, "source_sha256": own}


def load_evaluation(part: Evaluation, base: Path) -> LoadedEvaluation:
    """The part with its method or file found; SetupError where there is none, or where the file is not the one named."""
    if part.synthesize is not None:
        return LoadedEvaluation(part, method=resolve("synthesizer", part.synthesize, part.options, base=base))
    if part.file is None:
        return LoadedEvaluation(part)
    path = base / part.file
    if not path.is_file():
        raise SetupError(f"evaluation: no file {part.file} (looked for beside the recipe, in {base.resolve()}).")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if part.sha256 not in (None, found):
        raise SetupError(f"evaluation: {part.file} is not the file with the SHA-256 {part.sha256}; its own is {found}.")
    return LoadedEvaluation(part, path=path, sha256=found)
