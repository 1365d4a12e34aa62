"""Problems and rollouts made elsewhere, imported into a workspace: all rows of a file, or none of them.

Formats are JSONL, Parquet and CSV (or TSV), each also gzipped. The import knows columns and their usual names; it judges
nothing: a rollout's label is kept with it and never becomes a verdict.
"""

from storage.imports.problems import import_problems
from storage.imports.rollouts import import_rollouts
from storage.imports.spec import ImportReport, ImportSpec
from storage.imports.texts import read_prompts

__all__ = ["ImportReport", "ImportSpec", "import_problems", "import_rollouts", "read_prompts"]
