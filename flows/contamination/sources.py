"""Sources of a contamination check by name: a dataset version, a run, an import, a file, a defined benchmark, or the
evaluation problems of a recipe. Rows are read some thousand at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from rollmill.flows.evaluation.benchmark_card import definition_recipe
from rollmill.flows.problems import held_out, preview_problems
from rollmill.flows.recipe.benchmarks import definition_path, load_definition, shipped_definitions
from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import read_utf8
from rollmill.ground.records import Problem
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.import_records import producer_of
from rollmill.storage.imports.stored import names_of
from rollmill.storage.imports.texts import read_texts
from rollmill.storage.queries import Reader, Scope, named_scope
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import from_table, to_table
from rollmill.storage.workspace import Workspace

ROWS = 4_000  # read at a time
_ASKED = "SELECT id, prompt_id, prompt, meta FROM problems"
_ANSWERED = "SELECT id, text FROM completions"
_KEPT = "SELECT id, text FROM completions SEMI JOIN (SELECT completion_id AS id FROM rollouts WHERE kept) USING (id)"
_KINDS: tuple[Kind, ...] = ("problems", "completions")
_FILES = (".jsonl", ".parquet", ".csv", ".tsv", ".json", ".gz")


@dataclass(frozen=True, slots=True)
class ComparedSource:
    """A set of problems with the answers to them, one of: a scope (dataset version or run), an import, a file."""

    name: str
    workspace: Workspace | None = None
    scope: Scope | None = None
    file: Path | None = None
    map: Mapping[str, str] | None = None

    def tables(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Problems (id, prompt_id, prompt, meta) and answers (id, text); of a dataset the answers that it keeps."""
        if self.file is not None:
            yield from _of_file(self.file, self.map or {})
            return
        # One kind of rows at a time, each with an empty table of the other: nothing needs to be joined.
        for query, place in ((_ASKED, 0), (self._answers(), 1)):
            for table in self._query(query):
                yield (table, _NO_ANSWERS) if place == 0 else (_NO_PROBLEMS, table)

    def problems(self, *, repeated: bool = False) -> list[Problem]:
        """The problems, each prompt once, or with `repeated` as often as a file has it; SetupError if there are none."""
        if self.file is not None:
            rows = [problem for problem, _ in read_texts(self.file, self.map or {})]
        else:
            tables = self._query("SELECT * FROM problems")
            rows = [problem for table in tables for problem in from_table("problems", table)]
        if not rows:
            raise SetupError(f"{self.name} has no problems.")
        return rows if repeated else list({problem.prompt_id: problem for problem in rows}.values())

    def _answers(self) -> str:
        return _KEPT if self.scope is not None and self.scope.decided else _ANSWERED

    def _query(self, query: str) -> Iterator[pa.Table]:
        if self.scope is not None:
            connection = self.scope.open("problems", "completions", "rollouts")
        else:
            assert self.workspace is not None
            reader = Reader(self.workspace)
            connection = reader.connection()
            for kind in _KINDS:
                # An import has no decisions, and no view of rollouts: its answers are all completions.
                connection.execute(f"CREATE VIEW {kind} AS {reader.rows(kind, producer_of(self.name))}")
        try:
            for batch in connection.sql(query).to_arrow_reader(ROWS):
                yield pa.Table.from_batches([batch])
        finally:
            connection.close()


_NO_PROBLEMS = pa.table({name: pa.array([], pa.string()) for name in ("id", "prompt_id", "prompt", "meta")})
_NO_ANSWERS = pa.table({name: pa.array([], pa.string()) for name in ("id", "text")})


def source_of(workspace: Workspace, name: str, maps: Mapping[str, str] | None = None) -> ComparedSource:
    """The source of this name: a file that is there, else a dataset, a run, or an import; SetupError for none of them."""
    path = Path(name)
    if path.is_file():
        return ComparedSource(name, file=path, map=maps)
    if maps:
        raise SetupError(
            f"columns can be mapped only for files, and {name!r} is none.", next_command="leave the mapping out"
        )
    # A name that ends like a file is a misspelt file, not an unknown data set.
    if path.suffix in _FILES:
        raise SetupError(f"there is no file {name}.")
    reader = Reader(workspace)
    scope = named_scope(reader, name)
    if scope is not None:
        return ComparedSource(scope.name, workspace, scope)
    known = _known(workspace)
    if name not in known:
        raise unknown_name("dataset, run, import, benchmark or file", name, known, next_command="rollmill dataset list")
    # Half an import would leave the leaks of its other half unseen.
    workspace.imports.require_whole(name)
    return ComparedSource(name, workspace)


def benchmark_of(workspace: Workspace, name: str, maps: Mapping[str, str] | None = None) -> tuple[str, list[Problem]]:
    """The name and problems of a benchmark: of a definition, of the part `evaluation` of a recipe file, or of a source."""
    path = Path(name)
    of_yaml = path.suffix in (".yaml", ".yml")
    if of_yaml and "recipe_schema" in read_utf8(path, next_command="rollmill benchmark list"):
        loaded = load_recipe(path)
        problems = held_out(workspace, loaded)
        if not problems:
            raise SetupError(f"{name} names no evaluation problems.", next_command="add evaluation: to the recipe")
        return loaded.recipe.name, problems
    # An import under the name of a shipped benchmark is what the user means by that name.
    if of_yaml or (name in shipped_definitions() and name not in _known(workspace)):
        definition = load_definition(name, Path())
        recipe = definition_recipe(definition, definition_path(name, Path()).parent)
        return definition.name, list(preview_problems(workspace, recipe).problems)
    source = source_of(workspace, name, maps)
    return source.name, source.problems()


def _known(workspace: Workspace) -> list[str]:
    """The names of datasets, imports and runs here."""
    imports = {*names_of(workspace.segments, "problems"), *names_of(workspace.segments, "completions")}
    return [*artifact_names(workspace.datasets), *sorted(imports), *(run.id for run in workspace.runs.list())]


def _of_file(path: Path, maps: Mapping[str, str]) -> Iterator[tuple[pa.Table, pa.Table]]:
    rows = read_texts(path, maps)  # an iterator: a file of any size is read in parts
    count = 0
    while part := list(islice(rows, ROWS)):
        problems = to_table("problems", [problem for problem, _ in part])
        # Rows of a file have no ids: a hit is named by its row, counted from 1 over all parts.
        names = [f"row {count + place}" for place in range(1, len(part) + 1)]
        questions = problems.select(["prompt_id", "prompt", "meta"]).append_column("id", pa.array(names))
        yield questions, pa.table({"id": names, "text": [text for _, text in part]})
        count += len(part)
