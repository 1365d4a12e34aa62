"""`dataset eject`: plain Parquet from which pass rates and the kept set follow without this program."""

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from rollmill.flows.workspace.ejecting import TABLES
from rollmill.storage.segments.keys import COLUMNS, Kind
from rollmill.storage.versions.content.prompts import shown_columns
from tests.flows.conftest import Curated, Run, said_as_json

pytestmark = pytest.mark.integration
RATES = """
select p.level, avg(r.rate) from (
    select problem_id, count(*) filter (outcome = 'correct') / count(*) filter (outcome <> 'undecided') as rate
    from 'DIR/decisions.parquet' where PREFIX group by problem_id
) r join 'DIR/problems.parquet' p on p.id = r.problem_id group by p.level order by p.level
"""
KEPT = """
select p.prompt, c.text from 'DIR/decisions.parquet' d join 'DIR/problems.parquet' p on p.id = d.problem_id
join 'DIR/completions.parquet' c on c.id = d.completion_id where d.kept order by d.problem_id, d.completion_id
"""


def test_a_version_and_its_run_mean_the_same_without_the_product(toy: Path, rollmill: Run, curated: Curated) -> None:
    outcome = curated()
    counts = said_as_json(rollmill, "dataset", "eject", "toy@v1", "mine")["rows"]
    run = said_as_json(rollmill, "dataset", "eject", outcome["run"], "of-run")
    assert (run["rows"], run["of"]) == (counts, outcome["run"])
    about = json.loads(Path("mine/about.json").read_text())
    prefix = "true" if about["prefix"] is None else f"sample_index < {about['prefix']}"
    queries = {"rates": RATES.replace("PREFIX", prefix), "kept": KEPT}
    rates = {f"{name}-{place}": rows_of(query, place) for name, query in queries.items() for place in ("mine", "of-run")}
    manifest = json.loads((Path(outcome["path"]) / "manifest.json").read_text())
    assert rates["rates-mine"] == rates["rates-of-run"]
    assert rates["kept-mine"] == rates["kept-of-run"]
    kept = pq.read_table(Path(outcome["path"]) / "kept.parquet", columns=["prompt", "text"]).to_pylist()
    assert rates["kept-mine"] == [(row["prompt"], row["text"]) for row in kept]
    assert len(kept) == manifest["counts"]["kept"]
    levels = said_as_json(rollmill, "dataset", "show", "toy@v1")["manifest"]["metrics"]["levels"]
    assert {str(level): rate for level, rate in rates["rates-mine"]} == {
        level: pytest.approx(row["pass_rate"]) for level, row in levels.items()
    }
    assert about["hashes"]["content"] == outcome["content_hash"]


def rows_of(query: str, folder: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query.replace("DIR", folder)).fetchall()


def test_a_folder_with_files_and_a_row_with_a_key_are_refused(
    toy: Path, rollmill: Run, curated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    curated()
    Path("mine").mkdir()
    Path("mine/theirs").touch()
    refused = rollmill("dataset", "eject", "toy", "mine")
    assert (refused.status, "mine is not an empty folder" in refused.err) == (2, True)
    assert "unknown dataset 'nothing'. Valid: toy." in rollmill("dataset", "eject", "nothing@v1", "other").err
    text = pq.read_table(toy / "datasets/toy/latest/kept.parquet")["text"][0].as_py()
    monkeypatch.setenv("TOY_API_KEY", text)
    refused = rollmill("dataset", "eject", "toy", "other")
    assert (refused.status, "the key in TOY_API_KEY stands in completions.text" in refused.err) == (1, True)
    assert not [path for path in Path().iterdir() if "other" in path.name]


@pytest.mark.parametrize("kind", ["problems", "completions", "verdicts", "threads"])
def test_every_column_of_a_row_is_written_and_explained(kind: Kind) -> None:
    assert {*TABLES[kind].columns} == {*shown_columns(kind)} >= {*COLUMNS[kind]}
