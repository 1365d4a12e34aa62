"""The page Compare: the numbers are those of `rollmill leaderboard` and `compare`, and every problem opens."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.compare.page import _sentence
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.comparison import ComparisonRequest, compare, leaderboard
from rollmill.storage.queries.comparisons.sides import sides_of, sides_of_two
from tests.dashboards.conftest import opened, run_in, text_of
from tests.dashboards.evaluated import evaluate

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, twenty problems of each of two sources, two completions each; made once, as the page only reads."""
    folder = tmp_path_factory.mktemp("compare") / "ws"
    sources = ["easy", "hard"]
    problems = [
        {"id": f"p{n}", "prompt": f"{n} + 1?", "reference": str(n + 1), "source": sources[n % 2]} for n in range(40)
    ]
    rows = [
        {"problem_id": f"p{n}", "model": model, "text": f"#### {n + 1 if n % 5 and (model, n % 4) != ('weak', 3) else 0}"}
        for n in range(40)
        for model in ("strong", "weak")
        for _ in range(2)
    ]
    evaluate(folder, problems, rows)
    run_in(folder, ["score", "--with", "answer_agreement"])
    with Reader.open(folder) as reader:
        [run] = reader.runs.list()
    run_in(folder, ["replay", run.id, "--model", "strong", "--out", "replays/strong", "--repeats", "5"])
    return folder


@pytest.fixture
def page(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(evaluated))
    return opened("compare")


def test_the_leaderboard_is_that_of_the_command(page: AppTest, evaluated: Path) -> None:
    assert not page.exception
    assert page.selectbox(key="evaluation-choice").value == "asked"
    assert page.selectbox(key="by-choice").value == "source"
    with Reader.open(evaluated) as reader:
        board = leaderboard(sides_of(reader, "asked", "source"))
    table = page.dataframe[0].value
    assert list(table["model"]) == board["models"] == ["strong", "weak"]
    cells = {(cell["model"], cell["benchmark"]): cell for cell in board["cells"]}
    for place, model in enumerate(board["models"]):
        for benchmark in ("easy", "hard"):
            cell = cells[model, benchmark]
            star = " *" if cell["unbeaten"] else ""
            words = f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]{star}"
            link, _, shown = table[benchmark][place].partition("#")
            assert unquote(shown) == words
            assert link.endswith(f"&rows=rollouts&model={model}&source={benchmark}")
    opened_table = opened("compare", **{"board-numbers": "true"}).dataframe[1].value
    link = opened_table["open"][(opened_table["model"] == "weak") & (opened_table["benchmark"] == "hard")].item()
    assert link.startswith("/explore?of=run+asked")
    assert link.endswith("&rows=rollouts&model=weak&source=hard")
    assert cells["strong", "hard"]["unbeaten"]
    assert not cells["weak", "hard"]["unbeaten"]


def test_two_models_are_compared_on_each_benchmark_and_flipped_problems_open(page: AppTest, evaluated: Path) -> None:
    with Reader.open(evaluated) as reader:
        by_model = [sides_of(reader, f"asked:{model}", "source") for model in ("weak", "strong")]
        sides = [{side.benchmark: side for side in part} for part in by_model]
        weak, strong = sides
        rows = {row["before"]["benchmark"]: row for row in compare(weak, strong, ComparisonRequest())}
    assert (page.selectbox(key="a-choice").value, page.selectbox(key="b-choice").value) == ("weak", "strong")
    texts = [block.value for block in page.markdown]
    assert rows["hard"]["decision"].startswith("strong is better by 0.400")
    for name, row in rows.items():
        p = f"p {row['p_corrected']:.3f} after correction for 2 tests"
        assert f"**{name}**: {inert(row['decision'], 400)} (20 shared problems, {p})." in texts
    page.query_params["on"] = "hard"
    page.run()
    flipped = next(frame.value for frame in page.dataframe if "change" in frame.value.columns)
    assert len(flipped) == rows["hard"]["flipped"]["better"] == 8
    assert list(flipped["change"]) == [1.0] * 8
    page.query_params["problem"] = flipped["id"][0]
    page.run()
    assert not page.exception
    assert sum(block.value.startswith("**2 rollouts, ") for block in page.markdown) == 2
    assert any(block.value.startswith("Reference **") for block in page.markdown)


def test_hidden_tabs_compute_nothing_until_they_are_looked_at(page: AppTest) -> None:
    assert not any("tokens of these completions" in block.value for block in page.info)
    page.query_params["more"] = "Cost and accuracy"
    page.run()
    assert any("tokens of these completions are not known" in block.value for block in page.info)


def test_calibration_is_that_of_measure(evaluated: Path, page: AppTest) -> None:
    page.query_params["more"] = "Calibration"
    page.run()
    assert not page.exception
    with Reader.open(evaluated) as reader:
        [side] = [side for side in sides_of(reader, "asked:weak", "source") if side.benchmark == "hard"]
    error, *bins = measure(side.pool, "calibration", Options(score="answer_agreement"))
    table = next(frame.value for frame in page.dataframe if "calibration error" in frame.value.columns)
    row = table[(table["model"] == "weak") & (table["benchmark"] == "hard")].iloc[0]
    assert row["rollouts"] == 40
    assert row["calibration error"].startswith(f"{error.value:.3f} [")
    assert "&model=weak&source=hard" in row["Explore"]
    assert [bin_.n for bin_ in bins] == [16, 24]
    assert '"title": "share correct"' in page.get("vega_lite_chart")[-1].proto.spec


def test_stored_replays_are_shown_and_another_is_a_click_away(page: AppTest) -> None:
    page.query_params["more"] = "Replays"
    page.run()
    assert not page.exception
    table = next(frame.value for frame in page.dataframe if "aggregator" in frame.value.columns)
    assert {"oracle", "random", "majority"} <= set(table["aggregator"])
    assert page.button(key="compare-replay").label == "Replay"
    assert next(box.options for box in page.selectbox if box.label == "Replay")[0].startswith("weak on asked")


def test_models_without_shared_problems_are_said(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    shown = opened("compare", evaluation="hostile")
    assert not shown.exception
    assert any("no judged problem in common" in block.value for block in shown.info)
    assert not any("![pixel]" in text_of(block) for kind in ("markdown", "caption", "info") for block in shown.get(kind))
    empty = opened("compare", evaluation="hostile", more="Calibration")
    assert any("have no scores" in block.value for block in empty.info)
    assert any(block.value.startswith("rollmill score ") for block in empty.code)
    assert opened("compare", evaluation="nowhere").code[0].value.startswith("unknown evaluation, dataset or run 'nowhere'")


def test_two_runs_are_compared_on_the_problems_that_both_have(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    with Reader.open(curated) as reader:
        newer, older = [run.id for run in reader.runs.list() if run.name == "toy"]
        sides = sides_of_two(reader, older, newer)
    assert [(side.model, side.benchmark) for side in sides] == [(older, "shared problems"), (newer, "shared problems")]
    shown = opened("compare", evaluation=older, other=newer)
    assert not shown.exception
    assert sorted(shown.dataframe[0].value["model"]) == sorted((older, newer))
    sentence = next(block.value for block in shown.markdown if "shared problems, p" in block.value)
    assert sentence.replace("\\", "").endswith("(12 shared problems, p 1.000).")
    unknown = opened("compare", evaluation=older, other="nobody")
    assert unknown.code[0].value.startswith("unknown evaluation, dataset or run 'nobody'")


def test_the_models_of_two_evaluations_keep_their_names_and_benchmarks(evaluated: Path) -> None:
    with Reader.open(evaluated) as reader:
        [run] = reader.runs.list()
        sides = sides_of_two(reader, "asked", run.id)
    names = {(side.model, side.benchmark) for side in sides}
    assert names == {(f"{name}:{model}", "shared problems") for name in ("asked", run.id) for model in ("strong", "weak")}


def test_templates_that_carry_most_of_the_variation_are_named() -> None:
    note = "cluster <t19> carries 95% of the variation between clusters (-0.500, all others +0.250)"
    row = {"before": {"benchmark": "b"}, "decision": "a is better", "problems": 40, "p_corrected": 0.04}
    row |= {"undecided_bounds": None}
    assert _sentence(row | {"outlying": None}, tests=1).endswith("(40 shared problems, p 0.040).")
    undecided = _sentence(row | {"outlying": None, "undecided_bounds": [-0.1, 0.2]}, tests=1)
    assert undecided.endswith(inert("difference lies between -0.100 and +0.200") + ".")
    assert _sentence(row | {"outlying": {"note": note}}, tests=1).endswith(f"p 0.040). Note: {inert(note, 400)}.")
