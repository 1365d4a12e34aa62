"""Mixtures of toy versions: published, reconciled, refused, and the same after another threshold or a kill."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.flows.mixing.mix_recipe import as_label, load_mixture
from rollmill.ground.errors import SetupError
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import resolve
from tests.flows.conftest import Curated, Run, finish, said_as_json, start

MIXTURE: dict[str, Any] = {
    "mix_schema": 1, "name": "blend", "seed": 7,
    "sources": {"easy": {"version": "toy", "share": 0.25, "where": {"level": {"max": 1}}},
                "hard": {"version": "toy", "share": 0.75, "where": {"level": {"min": 2}}}},
    "signals": {"text": {"of": "prompt", "clusters": 3, "dims": 16}, "near_copies": 0.9},
}  # fmt: skip


@pytest.fixture
def mixed(toy: Path, curated: Curated) -> Path:
    """A workspace with the version toy@v1, and mix.yaml."""
    assert curated()["version"] == 1
    write(toy, MIXTURE)
    return toy


def write(folder: Path, recipe: dict[str, Any]) -> None:
    (folder / "mix.yaml").write_text(json.dumps(recipe))


def rows(path: str) -> list[tuple[Any, ...]]:
    """Every decision of a version."""
    with duckdb.connect(f"{path}/dataset.duckdb", read_only=True) as connection:
        query = "select problem_id, completion_id, selector, kept, reason from decisions order by all"
        return connection.execute(query).fetchall()


@pytest.mark.integration
def test_a_mixture_is_a_version_whose_manifest_reconciles(mixed: Path, rollmill: Run) -> None:
    outcome = said_as_json(rollmill, "mix", "mix.yaml")
    manifest = load_manifest(resolve(mixed / "datasets", "blend"))
    sources = {row["source"]: row for row in manifest["mixture"]["sources"]}
    assert {name: row["declared"] for name, row in sources.items()} == {name: row["kept"] for name, row in sources.items()}
    easy, hard = sources["easy"]["kept"], sources["hard"]["kept"]
    assert manifest["counts"]["kept"] == manifest["mixture"]["declared"] == easy + hard == outcome["kept"] > 0
    assert 3 * easy - 3 < hard < 3 * easy + 4
    for row in sources.values():
        assert row["rows"] == row["kept"] + sum(row["dropped"].values())
    decided = rows(outcome["path"])
    assert {kept: sum(1 for row in decided if row[3] and row[2] == f"mix:{kept}") for kept in sources} == {
        "easy": easy, "hard": hard,
    }  # fmt: skip
    # Rows that the source itself dropped are inside with its reasons, so that pass rates stay those of the rollouts.
    assert {"incorrect", "kept"} <= {row[4] for row in decided}
    before = load_manifest(resolve(mixed / "datasets", "toy"))
    assert manifest["metrics"]["overall"]["pass_rate"] == before["metrics"]["overall"]["pass_rate"]
    assert rollmill("dataset", "verify", "blend", "--all").status == 0
    assert f"easy {easy} of {easy} declared" in rollmill("dataset", "show", "blend").out
    again = said_as_json(rollmill, "mix", "mix.yaml")
    assert (again["created"], again["signals"]["made"], again["content_hash"]) == (False, False, outcome["content_hash"])


@pytest.mark.integration
def test_a_new_threshold_gives_byte_for_byte_the_rows_of_a_full_rerun(mixed: Path, rollmill: Run) -> None:
    assert said_as_json(rollmill, "mix", "mix.yaml")["signals"]["made"] is True
    later = ("mix", "mix.yaml", "--set", 'where={"cluster": {"among": [c0, c2]}, "characters": {"min": 5}}')
    queried = said_as_json(rollmill, *later)
    assert queried["signals"]["made"] is False
    assert rollmill("dataset", "export", "blend@v2", "--format", "sft", "--out", "queried.jsonl").status == 0
    shutil.rmtree(mixed / ".rollmill" / "mixes")
    shutil.rmtree(mixed / "datasets" / "blend")
    rerun = said_as_json(rollmill, *later)
    assert rerun["signals"]["made"] is True
    assert rollmill("dataset", "export", "blend@v1", "--format", "sft", "--out", "rerun.jsonl").status == 0
    assert rerun["content_hash"] == queried["content_hash"]
    assert (mixed / "rerun.jsonl").read_bytes() == (mixed / "queried.jsonl").read_bytes() != b""
    dropped = {reason for part in rerun["sources"] for reason in part["dropped"]}
    assert "signal:cluster" in dropped


@pytest.mark.integration
def test_counts_that_differ_from_the_declared_ones_are_refused(mixed: Path, rollmill: Run) -> None:
    easy, hard = ({key: value for key, value in source.items() if key != "share"} for source in MIXTURE["sources"].values())
    write(mixed, {**MIXTURE, "sources": {"easy": {**easy, "count": 2}, "hard": {**hard, "count": 900}}})
    said = rollmill("mix", "mix.yaml")
    assert said.status == 1
    assert "source 'hard' declares 900 rows and gives " in said.err
    assert not (mixed / "datasets" / "blend").exists()
    write(mixed, {**MIXTURE, "sources": {"easy": {**easy, "count": 2, "rows": 5}, "hard": {**hard, "count": 2}}})
    assert "source 'easy' (toy@v1) is said to have 5 rows and has " in rollmill("mix", "mix.yaml").err
    write(mixed, {**MIXTURE, "size": 5, "sources": {"easy": {**easy, "count": 2}, "hard": {**hard, "count": 2}}})
    said = rollmill("mix", "mix.yaml")
    assert (said.status, "size is 5, and the sources declare 4 (easy 2 + hard 2)" in said.err) == (2, True)


@pytest.mark.integration
def test_no_row_that_meets_the_thresholds_is_a_count_that_differs(mixed: Path, rollmill: Run) -> None:
    nothing = {"sources": {"all": {"version": "toy"}}, "size": 5, "where": {"characters": {"max": 0}}}
    write(mixed, {**MIXTURE, **nothing, "choose": {"method": "facility"}})
    said = rollmill("mix", "mix.yaml")
    assert (said.status, "declares 5 rows and gives 0 (0 meet its thresholds)" in said.err) == (1, True), said.err


@pytest.mark.integration
def test_a_label_of_digits_needs_no_quotes(mixed: Path, rollmill: Run) -> None:
    with duckdb.connect(f"{resolve(mixed / 'datasets', 'toy').path}/dataset.duckdb", read_only=True) as connection:
        ids = [row[0] for row in connection.execute("select id from problems order by id").fetchall()]
    days = [(key, "20240115" if at % 2 else "unknown") for at, key in enumerate(ids)]
    (mixed / "own.csv").write_text("problem_id,day\n" + "".join(f"{key},{day}\n" for key, day in days))
    sources = {"all": {"version": "toy", "count": 4, "where": {"day": {"among": [20240115]}}}}
    write(mixed, {"mix_schema": 1, "name": "a", "sources": sources, "signals": {"columns": ["own.csv"]}})
    outcome = said_as_json(rollmill, "mix", "mix.yaml")
    assert {row[0] for row in rows(outcome["path"]) if row[3]} <= set(ids[1::2])


@pytest.mark.parametrize(("value", "label"), [("c2", "c2"), (3.0, "3"), (0.5, "0.5"), (20240115.0, "20240115")])
def test_a_number_of_a_recipe_is_the_label_as_it_is_written(value: str | float, label: str) -> None:
    assert as_label(value) == label


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"where": {"charcters": {"max": 3}}}, "unknown signal 'charcters'. Did you mean 'characters'?"),
        ({"where": {"skill": {"max": 3}}}, "the signal 'skill' has labels"),
        ({"where": {"level": {"among": ["one"]}}}, "the signal 'level' has numbers"),
        ({"choose": {"method": "bestt"}}, "unknown set method 'bestt'. Did you mean 'best'?"),
        ({"choose": {"method": "best", "options": {"by": "score.likelihood"}}}, "unknown signal with numbers"),
        ({"signals": {"columns": ["own.csv"]}}, "no file"),
        ({"sources": {"all": {"version": "toys", "count": 3}}}, "unknown dataset 'toys'"),
        ({"sources": {"all": {"run": "toy-0", "count": 3}}}, "toy-0"),
        ({"sources": {"all": {"imported": "raw", "count": 3}}}, "no version has the rollouts imported as 'raw'"),
    ],
)  # fmt: skip
@pytest.mark.integration
def test_a_mistake_is_named_with_the_choices(mixed: Path, rollmill: Run, change: dict[str, Any], words: str) -> None:
    write(mixed, {**MIXTURE, **change})
    said = rollmill("mix", "mix.yaml")
    assert (said.status, words in said.err) == (2, True), said.err


def test_tulus_card_is_refused(tmp_path: Path) -> None:
    """Tulu 2's card lists parts that add up to 330,490, and a size of 326,154."""
    parts = {"flan": 50_000, "cot": 50_000, "oasst": 7_708, "sharegpt": 114_046, "gpt4": 20_000, "code": 20_022,
             "lima": 1_030, "wizard": 30_000, "orca": 30_000, "hard": 140, "science": 7_544}  # fmt: skip
    sources = {name: {"version": name, "count": count} for name, count in parts.items()}
    write(tmp_path, {"mix_schema": 1, "name": "tulu", "size": 326_154, "sources": sources})
    with pytest.raises(SetupError, match=r"size is 326,154, and the sources declare 330,490"):
        load_mixture(tmp_path / "mix.yaml")


@pytest.mark.parametrize("bound", [{"max": ".nan"}, {"min": "-.inf"}, {"among": ["1", ".nan"]}, {"not_among": [".inf"]}])
def test_a_threshold_that_is_no_number_is_refused(tmp_path: Path, bound: dict[str, Any]) -> None:
    threshold = str(bound).replace("'", "")
    (tmp_path / "mix.yaml").write_text(
        f"mix_schema: 1\nname: a\nsize: 3\nsources: {{all: {{version: toy}}}}\nwhere: {{level: {threshold}}}\n"
    )
    with pytest.raises(SetupError, match=r"where\.level.*found .?-?(nan|inf)"):
        load_mixture(tmp_path / "mix.yaml")


@pytest.mark.integration
def test_a_dry_run_of_counts_that_differ_shows_them_and_fails(mixed: Path, rollmill: Run) -> None:
    write(mixed, {**MIXTURE, "size": 900})
    said = rollmill("mix", "mix.yaml", "--dry-run")
    assert said.status == 1
    assert "easy    toy@v1" in said.out
    assert "without --dry-run" not in said.out
    assert "source 'hard' declares 675 rows and gives " in said.err
    said = rollmill("mix", "mix.yaml", "--dry-run", "--json")
    assert (said.status, json.loads(said.out)["declared"]) == (1, 900)


@pytest.mark.integration
def test_a_run_gives_the_rows_of_its_version_and_own_columns_are_signals(mixed: Path, rollmill: Run) -> None:
    run = json.loads(rollmill("runs", "list", "--json").out)[0]["run"]
    with duckdb.connect(f"{resolve(mixed / 'datasets', 'toy').path}/dataset.duckdb", read_only=True) as connection:
        ids = [row[0] for row in connection.execute("select id from problems order by id").fetchall()]
    (mixed / "own.csv").write_text("problem_id,mine\n" + "".join(f"{key},{at % 2}\n" for at, key in enumerate(ids)))
    hashes = []
    for name, place in (("a", {"version": "toy"}), ("b", {"run": run})):
        sources = {"all": {**place, "count": 4, "where": {"mine": {"min": 1}}}}
        write(mixed, {"mix_schema": 1, "name": name, "sources": sources, "signals": {"columns": ["own.csv"]}})
        outcome = said_as_json(rollmill, "mix", "mix.yaml")
        hashes.append(outcome["content_hash"])
        assert {row[0] for row in rows(outcome["path"]) if row[3]} <= set(ids[1::2])
    assert hashes[0] == hashes[1]


@pytest.mark.integration
def test_methods_over_whole_sets_log_gains_rounds_and_shares_in_the_manifest(mixed: Path, rollmill: Run) -> None:
    every_source = {name: {key: value for key, value in source.items() if key != "share"}
                    for name, source in MIXTURE["sources"].items()}  # fmt: skip
    write(mixed, {**MIXTURE, "sources": every_source, "size": 6, "gate": {"min_kept": 0}})
    methods: list[dict[str, Any]] = [
        {"method": "facility"},
        {"method": "information", "options": {"labels": ["skill", "level"], "quality": "pass_rate"}},
        {"method": "clusters", "options": {"quality": "pass_rate", "clusters": 2, "rounds": 2}},
        {"method": "temperature", "options": {"temperatures": [5.0, 1.0]}},
    ]
    facts: dict[str, Any] = {}
    for choose in methods:
        outcome = said_as_json(rollmill, "mix", "mix.yaml", "--set", f"choose={json.dumps(choose)}", "--dry-run")
        assert outcome["kept"] == 6, choose
        facts[choose["method"]] = outcome["chosen"]["all sources"]
    for method in ("facility", "information"):
        gains = [pick["gain"] for pick in facts[method]["first_picks"]]
        assert len(gains) == 6
        assert gains == sorted(gains, reverse=True)
    assert facts["information"]["gained"] == pytest.approx(facts["information"]["information"])
    assert [sum(turn["rows"].values()) for turn in facts["clusters"]["rounds"]] == [3, 3]
    assert [part["tau"] for part in facts["temperature"]["parts"]] == [5.0, 1.0]
    assert set(facts["temperature"]["sources"]) == set(every_source)
    said_as_json(rollmill, "mix", "mix.yaml", "--set", "choose.method=facility")
    logged = load_manifest(resolve(mixed / "datasets", "blend"))["mixture"]["chosen"]["all sources"]["first_picks"]
    shown = facts["facility"]["first_picks"]
    assert [pick["unit"] for pick in logged] == [pick["unit"] for pick in shown]
    assert [pick["gain"] for pick in logged] == pytest.approx([pick["gain"] for pick in shown])


@pytest.mark.integration
def test_near_copies_and_problems_are_kept_or_dropped_whole(mixed: Path, rollmill: Run) -> None:
    sources = {"all": {"version": "toy", "count": 9}}
    write(mixed, {"mix_schema": 1, "name": "whole", "sources": sources, "unit": "problem", "tolerance": 0.3})
    decided = rows(said_as_json(rollmill, "mix", "mix.yaml")["path"])
    kept = {row[0] for row in decided if row[3]}
    assert {row[0] for row in decided if row[4] == "not_chosen"}.isdisjoint(kept)
    assert 6 <= sum(row[3] for row in decided) <= 9


@pytest.mark.chaos
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "point",
    [
        "signals.written",
        "publish.renamed",
        *(pytest.param(f"publish.{step}", marks=pytest.mark.long) for step in ("folder_written", "ledger", "index")),
    ],
)
def test_kill_9_and_the_same_command_again_give_the_undisturbed_content(
    mixed: Path, rollmill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.chdir(shutil.copytree(mixed, tmp_path / "undisturbed"))
    expected = said_as_json(rollmill, "mix", "mix.yaml")
    monkeypatch.chdir(mixed)
    assert finish(start("mix", "mix.yaml", cwd=mixed, ROLLMILL_FAILPOINT=point)).status == -9
    outcome = said_as_json(rollmill, "mix", "mix.yaml")
    assert (outcome["content_hash"], outcome["version"]) == (expected["content_hash"], 1)
    assert outcome["sources"] == expected["sources"]
    assert outcome["signals"]["made"] is (point == "signals.written")
    assert rollmill("dataset", "verify", "blend").status == 0
