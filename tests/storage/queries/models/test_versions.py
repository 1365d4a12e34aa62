"""The table of models, their cards and loss curves, and the lineage of a version."""

from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts import marks
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.queries.models.model_lineage import MOST, model_lineage
from rollmill.storage.queries.models.progress import LossPoint, version_curve
from rollmill.storage.queries.models.versions import model_card_text, model_lines, models_stamp
from tests.storage.queries.models.conftest import Family
from tests.storage.queries.models.test_evaluated import cell_run


def test_a_line_holds_what_the_record_and_the_index_say(family: Family) -> None:
    marks.tag(MODEL_KIND, family.ws, "student@v1", "release")
    marks.yank(MODEL_KIND, family.ws, "student@v1", "bad data")
    lines = {line.ref: line for line in model_lines(family.reader)}
    assert sorted(lines) == ["other@v1", "student@v1", "student@v2"]
    first = lines["student@v1"]
    assert (first.init, first.data, first.loss) == ("models/base", ("sums@v1", "words@v3"), "sft")
    assert (first.steps, first.tokens, first.seconds) == (3, 30, 1.5)
    assert (first.tags, first.yanked, first.here, first.tracked) == (("release",), "bad data", True, False)
    assert lines["student@v2"].init_hash == first.content_hash
    assert (lines["other@v1"].init, lines["other@v1"].loss, lines["other@v1"].tokens) == (None, None, None)
    # SHA-256 over name, NUL and the SHA-256 of model.onnx "one", tokenizer.json "{}" and config.json "{}", by hand
    assert first.digest == "b64cb6167a24821e2f8c7db0ac2b2c97"


def test_the_stamp_changes_with_an_index(family: Family) -> None:
    before = models_stamp(family.reader)
    assert models_stamp(family.reader) == before
    marks.yank(MODEL_KIND, family.ws, "other@v1", "why")
    assert models_stamp(family.reader) != before


def test_card_and_curve_come_from_the_files_of_the_version(family: Family) -> None:
    assert model_card_text(family.reader, "student@v2") == "# student\n\n## Data\n\nof two\n"
    curve = version_curve(family.reader, "student@v1")  # the last line is half a line
    assert (curve.points, curve.reports, curve.broken) == ((LossPoint(1, 0.5, 10), LossPoint(2, 0.25, 20)), 2, None)
    (family.versions["other@v1"].path / "README.md").unlink()
    with pytest.raises(SetupError, match=r"other@v1 has no README.md in this clone\. Next: rollmill model pull other@v1"):
        model_card_text(family.reader, "other@v1")


def test_lineage_goes_from_the_data_through_the_chain_to_what_came_of_it(family: Family) -> None:
    lines = model_lines(family.reader)
    named = {line.ref: line for line in lines}
    from rollmill.storage.queries.models.evaluated import measured_cells

    runs = [cell_run("student@v1", named["student@v1"].digest)]
    graph = model_lineage(family.reader, named["student@v1"], lines, runs, measured_cells(runs))
    assert [(node.kind, node.name, node.layer) for node in graph.nodes.values()] == [
        ("base", "models/base", 0),
        ("model", "student@v1", 1),
        ("dataset", "sums@v1", 0),
        ("dataset", "words@v3", 0),
        ("evaluation", "held", 2),
        ("model", "student@v2", 2),
    ]
    assert graph.nodes["evaluation held 2"].words == ("sums pass@1 0.500 [0.400, 0.600]",)
    assert graph.nodes["dataset words@v3 0"].words == ("2 rows",)
    assert not graph.nodes["dataset words@v3 0"].here  # no such dataset in this workspace
    assert set(graph.edges) == {
        ("base models/base 0", "model student@v1 1"),
        ("dataset sums@v1 0", "model student@v1 1"),
        ("dataset words@v3 0", "model student@v1 1"),
        ("model student@v1 1", "evaluation held 2"),
        ("model student@v1 1", "model student@v2 2"),
    }
    chain = model_lineage(family.reader, named["student@v2"], lines, [], [])
    assert [(node.name, node.layer) for node in chain.nodes.values() if node.kind in ("base", "model")] == [
        ("models/base", 0),
        ("student@v1", 1),
        ("student@v2", 2),
    ]
    assert {node.layer for node in chain.nodes.values() if node.name == "sums@v1"} == {0, 1}
    alone = model_lineage(family.reader, named["other@v1"], lines, [], [])
    assert [(node.name, node.words) for node in alone.nodes.values()] == [("other@v1", ("imported",))]


def test_lineage_shows_the_newest_and_counts_the_rest(family: Family) -> None:
    lines = model_lines(family.reader)
    line = next(line for line in lines if line.ref == "other@v1")
    drawn = {"generate": {"engine": "embedded", "model": "models/other"}, "resolved": {"model_digest": line.digest}}
    runs = [replace(cell_run("x", None), id=f"r{n:02}", recipe=drawn) for n in range(MOST + 3)]
    graph = model_lineage(family.reader, line, lines, runs, [])
    assert [node.name for node in graph.nodes.values() if node.kind == "run"] == [f"r{n:02}" for n in range(MOST)]
    assert graph.left_out == 3
