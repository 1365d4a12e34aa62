"""Lineage of a model version as a graph: the data and the chain of models behind it, and its uses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.models.index import ModelVersion, resolve_model
from rollmill.storage.models.lineage import ancestors
from rollmill.storage.queries.models.evaluated import MeasuredCell, cells_of_version, headline_numbers, runs_of_version
from rollmill.storage.queries.models.versions import ModelLine
from rollmill.storage.queries.reader import Reader
from rollmill.storage.versions.resolve import versions as dataset_versions

if TYPE_CHECKING:
    from rollmill.storage.runs import Run

Kind = Literal["dataset", "base", "model", "evaluation", "run"]
MOST = 12
"""Evaluations, runs and further models shown behind a version, the newest ones."""


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A node of the graph. `layer`: its column, from 0; data come before each model that was trained on them. `name`: the
    subject: a dataset version, a model folder or version, an evaluation, a run. `words`: facts about it in lines. `here`:
    there is a page of it in this workspace.
    """

    kind: Kind
    name: str
    layer: int
    words: tuple[str, ...] = ()
    here: bool = True

    @property
    def id(self) -> str:
        """Key of the node."""
        # With the layer: one dataset may have trained several models of the chain.
        return f"{self.kind} {self.name} {self.layer}"


@dataclass
class ModelLineage:
    """The nodes by id, and the edges from an id to another. `left_out`: uses of the version beyond MOST."""

    nodes: dict[str, LineageNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0

    def add(self, node: LineageNode, *, before: LineageNode | None = None) -> LineageNode:
        """Add a node, behind another."""
        self.nodes[node.id] = node
        if before is not None:
            self.edges.append((before.id, node.id))
        return node


def model_lineage(
    reader: Reader, line: ModelLine, lines: Sequence[ModelLine], runs: "Sequence[Run]", cells: Sequence[MeasuredCell]
) -> ModelLineage:
    """The lineage graph of a model version. `runs`, `cells`: runs and evaluation cells of the workspace, newest first."""
    version = resolve_model(reader.models, line.ref)
    graph, known = ModelLineage(), _dataset_refs(reader)
    before: LineageNode | None = None
    for layer, one in enumerate([*ancestors(reader.models, version)[::-1], version]):
        # Only the first may be a text: a model without versions has no record to go back from.
        if isinstance(one, str):
            before = graph.add(LineageNode("base", one, layer, here=False))
            continue
        here = graph.add(LineageNode("model", one.ref, layer, _model_words(one)), before=before)
        for part in one.record().get("data", ()):
            ref = str(part["version"])
            # A first model without a base is in layer 0, and no column is before it.
            data = graph.add(LineageNode("dataset", ref, max(0, layer - 1), (f"{part['rows']:,} rows",), ref in known))
            graph.edges.append((data.id, here.id))
        before = here
    assert before is not None  # the version itself ends the chain
    # Evaluations first, as only the first MOST uses are shown.
    behind = [*_evaluations(line, cells), *_children(line, lines), *_runs(line, runs)]
    graph.left_out = max(0, len(behind) - MOST)
    for kind, name, words in behind[:MOST]:
        graph.add(LineageNode(kind, name, before.layer + 1, words), before=before)
    return graph


def _dataset_refs(reader: Reader) -> frozenset[str]:
    return frozenset(
        info.ref for name in artifact_names(reader.datasets) for info in dataset_versions(reader.datasets, name)
    )


def _model_words(version: ModelVersion) -> tuple[str, ...]:
    record = version.record()
    trained, loss = record.get("trained") or {}, (record.get("training") or {}).get("loss", {}).get("method")
    tokens = trained.get("tokens")
    told = [f"{loss}, {tokens:,} tokens"] if loss and tokens is not None else ["imported"]
    return (*told, *(["withdrawn"] if version.yanked is not None else []))


def _evaluations(line: ModelLine, cells: Sequence[MeasuredCell]) -> list[tuple[Kind, str, tuple[str, ...]]]:
    """The evaluations that measured the version, each with its first number of every benchmark."""
    evaluations: dict[str, list[str]] = {}
    for cell, metric, row in headline_numbers(cells_of_version(cells, line)):
        words = f"{cell.benchmark} {metric} {with_interval(row['value'], row['low'], row['high'])}"
        evaluations.setdefault(cell.evaluation, []).append(words)
    return [("evaluation", name, tuple(words)) for name, words in evaluations.items()]


def _children(line: ModelLine, lines: Sequence[ModelLine]) -> list[tuple[Kind, str, tuple[str, ...]]]:
    """The versions that were trained from this version, by the content of their initial models."""
    return [("model", child.ref, ("trained from it",)) for child in lines if child.init_hash == line.content_hash]


def _runs(line: ModelLine, runs: "Sequence[Run]") -> list[tuple[Kind, str, tuple[str, ...]]]:
    """The runs that drew with the version."""
    return [("run", run.id, (run.status,)) for run in runs_of_version(runs, line)]
