"""`rollmill score` and the recipe key `score`: what is stored, what is not made twice, and what one sees of it."""

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from rollmill.dashboards.parts.verdicts import record
from rollmill.metrics.elections import ballots
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.storage.queries import Reader, problem_detail, run_scope
from rollmill.storage.queries.pools import scope_pool
from rollmill.storage.scores import run_scores
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Curated, Run, said_as_json
from tests.pipelines.generate.test_reward_model import RatingServer

pytestmark = pytest.mark.integration

MINE = '''\
"""A scorer of the user's: the number of words; a text that says Carry gets no finite number."""

from rollmill.ground.records import Score


class Words:
    name, version = "words", "1"

    def score(self, problem, completions):
        for completion in completions:
            words = float(len(completion.text.split()))
            value = float("nan") if "Carry" in completion.text else words
            yield Score(completion.id, problem.id, self.name, self.version, value)
'''


ASKED = '''\
"""A scorer of the user's: how long what the model was asked is, beyond the problem's own prompt."""

from rollmill.ground.records import Score


class Asked:
    name, version, needs = "asked", "1", ()

    def score_groups(self, groups):
        for group in groups:
            for prompt, completion in group.prompted():
                more = float(len(prompt) - len(group.problem.prompt))
                yield Score(completion.id, group.problem.id, self.name, self.version, more)
'''
ROUTED = """\
steps:
  - {name: plain}
  - {name: polite, prompt_template: "Please. {prompt}"}
budget: {method: router}
"""


@pytest.fixture
def run(toy: Path, curated: Curated) -> str:
    """The id of a run in the current workspace."""
    return str(curated("toy.yaml", "--set", "gate.min_kept=1")["run"])


def completions() -> int:
    with Workspace.open() as workspace:
        return int(workspace.segments.read("completions", columns=("id",)).num_rows)


def test_scored_later_and_a_second_time_nothing_is_made(run: str, rollmill: Run) -> None:
    before = completions()
    report = said_as_json(rollmill, "score", run, "--with", "length", "--with", "answer_agreement", "--with", "logprob_sum")
    counts = {row["scorer"]: (row["made"], row["stored"], row["unscored"]) for row in report["scored"]}
    assert counts == {"length": (before, 0, 0), "answer_agreement": (before, 0, 0), "logprob_sum": (0, 0, before)}
    assert {row["scorer"] for row in report["scores"]} == {"length", "answer_agreement"}
    again = said_as_json(rollmill, "score", run, "--with", "length", "--with", "answer_agreement")
    assert [(row["made"], row["stored"]) for row in again["scored"]] == [(0, before), (0, before)]
    assert again["scores"] == report["scores"]
    assert completions() == before
    text = rollmill("score", run, "--with", "length").out
    assert "made now  there already" in text


def test_agreement_is_what_the_stored_answers_say(run: str, rollmill: Run) -> None:
    said_as_json(rollmill, "score", run, "--with", "answer_agreement")
    with Workspace.open() as workspace:
        verdicts = {row["completion_id"]: row for row in workspace.segments.read("verdicts").to_pylist()}
        plan = [row for part in workspace.runs.plans(run) for row in part]
        column = run_scores(workspace, workspace.runs.get(run), plan)["answer_agreement"]
    answers = [verdicts[row.completion_id]["normal_form"] for row in plan]
    problems = [row.problem_id for row in plan]
    expected = [
        sum(a == answer and p == problem for a, p in zip(answers, problems, strict=True)) / problems.count(problem)
        for answer, problem in zip(answers, problems, strict=True)
    ]
    assert np.allclose(column, expected, rtol=0, atol=1e-15)
    assert 0 < min(expected) < max(expected) < 1.0 + 1e-9


def test_runs_that_share_completions_have_each_their_own_agreement(toy: Path, rollmill: Run) -> None:
    sets = ["--direct", "--set", "gate.min_kept=1", "--set", "budget.method=fixed", "--set", "budget.options={initial: 4}"]
    few = said_as_json(rollmill, "curate", "toy.yaml", *sets)["run"]
    more = [text.replace("initial: 4", "initial: 8") for text in sets]
    many = said_as_json(rollmill, "curate", "toy.yaml", *more, "--set", "name=many", "--set", "dataset=many")["run"]
    said_as_json(rollmill, "score", few, "--with", "answer_agreement")
    first = said_as_json(rollmill, "score", few)["scores"]
    report = said_as_json(rollmill, "score", many, "--with", "answer_agreement")
    assert (report["scored"][0]["made"], report["scored"][0]["stored"]) == (96, 0)
    assert said_as_json(rollmill, "score", few)["scores"] == first
    with Workspace.open() as workspace:
        columns = [run_scores(workspace, workspace.runs.get(name))["answer_agreement"] for name in (few, many)]
    assert set((columns[0] * 4).round(12)) <= {1.0, 2.0, 3.0, 4.0}
    assert set((columns[1] * 8).round(12)) <= set(map(float, range(1, 9)))
    assert (len(columns[0]), len(columns[1])) == (48, 96)


def test_a_scorer_of_the_users_own_counts_with_its_file(run: str, toy: Path, rollmill: Run) -> None:
    (toy / "mine.py").write_text(MINE)
    first = said_as_json(rollmill, "score", run, "--with", "mine.py:Words")["scored"][0]
    assert first["version"].startswith("1+file.")
    assert (first["made"] > 0, first["unscored"] > 0) == (True, True)
    assert said_as_json(rollmill, "score", run, "--with", "mine.py:Words")["scored"][0]["made"] == 0
    (toy / "mine.py").write_text(MINE.replace("Carry", "carry"))
    other = said_as_json(rollmill, "score", run, "--with", "mine.py:Words")
    assert other["scored"][0]["version"] != first["version"]
    assert (other["scored"][0]["stored"], other["scored"][0]["unscored"]) == (0, 0)
    names = [row["scorer"] for row in other["scores"]]
    assert set(names) == {f"words@{first['version']}", f"words@{other['scored'][0]['version']}"}


def test_a_scorer_sees_what_each_step_was_asked_at_once_and_later(toy: Path, rollmill: Run) -> None:
    (toy / "asked.py").write_text(ASKED)
    text = (toy / "toy.yaml").read_text()
    (toy / "steps.yaml").write_text(text[: text.index("budget:")] + ROUTED + text[text.index("select:") :])
    named = ["--direct", "--set", "gate.min_kept=1", "--set", "score=[{method: 'asked.py:Asked'}]"]
    run = said_as_json(rollmill, "curate", "steps.yaml", *named)["run"]
    with Workspace.open() as workspace:
        plan = [row for part in workspace.runs.plans(run) for row in part]
        [column] = run_scores(workspace, workspace.runs.get(run), plan).values()
    assert {row.step for row in plan} == {"plain", "polite"}
    assert column.tolist() == [{"plain": 0.0, "polite": float(len("Please. "))}[row.step] for row in plan]
    (toy / "asked.py").write_text(ASKED.replace('"asked", "1"', '"later", "1"'))
    said_as_json(rollmill, "score", run, "--with", "asked.py:Asked")
    with Workspace.open() as workspace:
        scores = run_scores(workspace, workspace.runs.get(run), plan)
    assert scores["later"].tolist() == column.tolist()


def test_dry_run_says_what_is_missing_and_stores_nothing(run: str, rollmill: Run) -> None:
    rows = completions()
    report = said_as_json(rollmill, "score", run, "--with", "length", "--dry-run")
    assert (report["scored"][0]["made"], report["scores"]) == (rows, [])
    assert said_as_json(rollmill, "score", run)["scores"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--with", "lenght"), "unknown scorer 'lenght'"),
        (("--with", "imported"), "scorer 'imported' needs the option 'key'"),
        (("--with", "imported", "--option", "key"), "--option 'key' is not KEY=VALUE"),
        (("--option", "key=x"), "--option belongs to one scorer"),
        (("--with", "judge_votes"), "judged by no verifier 'judge'"),
    ],
)
def test_mistakes_are_told_in_one_line(run: str, rollmill: Run, arguments: tuple[str, ...], words: str) -> None:
    refused = rollmill("score", run, *arguments)
    assert (refused.status, words in refused.err, "Traceback" in refused.err) == (2, True, False), refused.err


def test_the_recipes_scorers_are_a_stage_and_are_in_the_version(toy: Path, rollmill: Run) -> None:
    scored = "score:\n  - method: length\n  - method: answer_agreement\n"
    (toy / "toy.yaml").write_text(RECIPE.replace("gate:\n", f"{scored}gate:\n"))
    outcome = said_as_json(rollmill, "curate", "toy.yaml", "--direct")
    with Workspace.open() as workspace:
        stages = {
            progress.stage: (progress.done, progress.total) for progress in workspace.runs.progress_of(outcome["run"])
        }
    drawn = outcome["funnel"]["drawn"]
    assert stages["score"] == (drawn, drawn)
    report = said_as_json(rollmill, "score", outcome["run"])
    assert [(row["scorer"], row["made"], row["stored"]) for row in report["scored"]] == [
        ("length", 0, drawn),
        ("answer_agreement", 0, drawn),
    ]
    sql = "SELECT scorer, count(*) FROM scores GROUP BY ALL ORDER BY ALL"
    with duckdb.connect(str(Path(outcome["path"]) / "dataset.duckdb"), read_only=True) as dataset:
        assert dataset.sql(sql).fetchall() == [("answer_agreement", drawn), ("length", drawn)]
    assert said_as_json(rollmill, "dataset", "verify", "toy", "--base", ".")["passed"] is True


def test_the_shipped_model_is_asked_and_paid_for_once(toy: Path, rollmill: Run) -> None:
    few = [
        "--set",
        "problems.count=3",
        "--set",
        "gate.min_kept=1",
        "--set",
        "budget.options={initial: 2, target: 1, cap: 2}",
    ]
    run = said_as_json(rollmill, "curate", "toy.yaml", "--direct", *few)["run"]
    report = said_as_json(rollmill, "score", run, "--with", "p_true", "--with", "p_ik", "--with", "reference_likelihood")
    counts = {row["scorer"]: row["made"] for row in report["scored"]}
    assert counts == {"p_true": 6, "p_ik": 6, "reference_likelihood": 6}
    assert all(0.0 <= row["q05"] <= row["q95"] <= 1.0 for row in report["scores"])
    cost = said_as_json(rollmill, "runs", "cost", run)
    assert cost["scoring"]["completions"] > 0
    assert cost["paid"]["completions"] == cost["spent"]["completions"] + cost["scoring"]["completions"]
    assert "scorers" in rollmill("runs", "cost", run).out
    again = said_as_json(rollmill, "score", run, "--with", "p_true")
    assert again["scored"][0]["made"] == 0
    assert said_as_json(rollmill, "runs", "cost", run)["scoring"] == cost["scoring"]
    refused = rollmill("score", run, "--with", "p_true", "--option", "positive=Yea", "--max-tokens", "1")
    assert (refused.status, "token limit of run" in refused.err) == (1, True)


def test_scorers_that_ask_a_model_are_part_of_a_recipe(toy: Path, rollmill: Run) -> None:
    scored = "score:\n  - method: likelihood\n    options: {per_token: false}\n"
    (toy / "toy.yaml").write_text(
        RECIPE.replace("gate:\n", f"{scored}gate:\n").replace("count: 12\ngenerate", "count: 3\ngenerate")
    )
    outcome = said_as_json(rollmill, "curate", "toy.yaml", "--direct", "--set", "gate.min_kept=1")
    with duckdb.connect(str(Path(outcome["path"]) / "dataset.duckdb"), read_only=True) as dataset:
        [[rows, lowest]] = dataset.sql("SELECT count(*), max(value) FROM scores WHERE scorer = 'likelihood'").fetchall()
    assert (rows, lowest < 0) == (outcome["funnel"]["drawn"], True)
    again = said_as_json(rollmill, "curate", "toy.yaml", "--direct", "--set", "gate.min_kept=1")
    assert (again["run"], again["created"]) == (outcome["run"], False)
    assert said_as_json(rollmill, "select", outcome["run"])["kept"] == outcome["funnel"]["kept"]


def test_a_reward_model_behind_a_server_of_the_profile(run: str, toy: Path, rollmill: Run) -> None:
    with RatingServer() as server:
        (toy / "rating.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        command = ("score", run, "--with", "reward_model", "--option", "model=toy", "--profile", "rating.yaml")
        first = said_as_json(rollmill, *command)
        rows = completions_of(run)
        assert first["scored"][0]["made"] == rows
        asked_once = len(server.bodies)
        # Of two equal replies on one connection the second may be a late one, so such a prompt is asked once more.
        distinct = len({body["text_2"] + body["text_1"] for body in server.bodies})
        assert distinct <= asked_once < 2 * distinct
        assert (said_as_json(rollmill, *command)["scored"][0]["made"], len(server.bodies)) == (0, asked_once)
    without = rollmill("score", run, "--with", "reward_model", "--option", "model=toy", "--option", "x=1")
    assert (without.status, "option" in without.err) == (2, True)


def completions_of(run: str) -> int:
    with Workspace.open() as workspace:
        return sum(len(part) for part in workspace.runs.plans(run))


def test_scores_are_put_beside_verdicts(toy: Path, rollmill: Run) -> None:
    sets = ["--set", "gate.min_kept=1", "--set", "budget.method=fixed", "--set", "budget.options={initial: 6}"]
    run = said_as_json(rollmill, "curate", "toy.yaml", "--direct", *sets)["run"]
    report = said_as_json(rollmill, "score", run, "--with", "answer_agreement", "--with", "length")
    rows = {(row["scorer"], row["metric"]): row for row in reversed(report["calibration"])}
    assert 0.5 < rows["answer_agreement", "auroc"]["value"] <= 1.0
    assert rows["answer_agreement", "auroc"]["low"] < rows["answer_agreement", "auroc"]["value"]
    assert 0.0 <= rows["answer_agreement", "brier"]["value"] <= 1.0
    assert rows["length", "brier"]["value"] is None
    assert "no chance of being right" in rows["length", "brier"]["why"]
    with Workspace.open() as workspace:
        pool = scope_pool(run_scope(Reader(workspace), run)).pool
    assert rows["length", "auroc"]["value"] == measure(pool, "auroc", Options(score="length"))[0].row()["value"]
    page = rollmill("score", run, "--with", "answer_agreement").out
    assert "against verdicts  AUROC" in page
    assert f"-: {rows['length', 'brier']['why']}" in rollmill("score", run, "--with", "length").out


def test_scores_of_today_and_of_the_version_are_in_exports_and_in_why(run: str, toy: Path, rollmill: Run) -> None:
    plain = said_as_json(rollmill, "dataset", "export", "toy", "--out", "plain.jsonl")
    said_as_json(rollmill, "score", run, "--with", "answer_agreement", "--with", "length")
    said_as_json(rollmill, "dataset", "export", "toy", "--out", "scored.jsonl", "--set", "scores=true")
    rows = [json.loads(text) for text in (toy / "scored.jsonl").read_text().splitlines()]
    assert all([score["scorer"] for score in row["scores"]] == ["answer_agreement", "length"] for row in rows)
    assert all(row["scores"][1]["value"] == len(row["messages"][-1]["content"]) for row in rows)
    assert said_as_json(rollmill, "dataset", "export", "toy", "--out", "again.jsonl")["sha256"] == plain["sha256"]
    said_as_json(rollmill, "dataset", "export", "toy", "--format", "pairs", "--out", "pairs.jsonl", "--set", "scores=true")
    pair = json.loads((toy / "pairs.jsonl").read_text().splitlines()[0])
    assert {rejected_score["scorer"] for rejected_score in pair["rejected_scores"]} == {"answer_agreement", "length"}
    ranked = ["--format", "ranked_pairs", "--out", "ranked.jsonl", "--set", "score=answer_agreement", "--set", "tiers=2"]
    said_as_json(rollmill, "dataset", "export", "toy", *ranked)
    gaps = [json.loads(text)["gap"] for text in (toy / "ranked.jsonl").read_text().splitlines()]
    assert gaps
    assert min(gaps) > 0
    groups = said_as_json(rollmill, "dataset", "export", "toy", "--format", "rl", "--out", "groups.jsonl")
    assert groups["rows"] > 0
    assert groups["left_out"].keys() <= {"groups with an undecided rollout"}
    with Workspace.open() as workspace:
        cid = workspace.runs.plans(run)[0][0].completion_id
        detail = problem_detail(run_scope(Reader(workspace), run), workspace.runs.plans(run)[0][0].problem_id)
    assert [score.scorer for score in detail.rollouts[0].scores] == ["answer_agreement", "length"]
    assert "  score    " in rollmill("dataset", "why", run, cid[:12]).out


def test_recipe_check_looks_at_scorers_that_ask_a_model(toy: Path, rollmill: Run) -> None:
    scored = "score:\n  - method: p_true\n    options: {positive: True}\n"
    (toy / "toy.yaml").write_text(RECIPE.replace("gate:\n", f"{scored}gate:\n"))
    refused = rollmill("recipe", "check", "toy.yaml")
    assert (refused.status, "option 'positive' is True, and must be a text, in quotes" in refused.err) == (2, True)
    (toy / "toy.yaml").write_text(RECIPE.replace("gate:\n", f"{scored.replace('True', 'Yea')}gate:\n"))
    assert rollmill("recipe", "check", "toy.yaml").status == 0


def test_the_rollout_view_of_the_dashboard_shows_scores(run: str, rollmill: Run) -> None:
    said_as_json(rollmill, "score", run, "--with", "length")
    with Workspace.open() as workspace:
        scope = run_scope(Reader(workspace), run)
        detail = problem_detail(scope, workspace.runs.plans(run)[0][0].problem_id)
    rollout = detail.rollouts[0]
    assert rollout.completion is not None
    by_line = replace(rollout, scores=(*rollout.scores, replace(rollout.scores[0], scorer="prm", steps=(0.25, 0.5))))
    facts = record(by_line).splitlines()
    length = len(rollout.completion.text)
    assert [text for text in facts if text.startswith("score ")] == [
        f"score       {length} by length 1",
        f"score       {length} by prm 1, by line 0.25 0.5",
    ]


def test_a_score_that_rests_on_the_reference_is_shown_to_no_vote(toy: Path, rollmill: Run) -> None:
    few = ["--set", "problems.count=3", "--set", "gate.min_kept=1", "--set", "budget.method=fixed"]
    run = said_as_json(rollmill, "curate", "toy.yaml", "--direct", *few, "--set", "budget.options={initial: 4}")["run"]
    said_as_json(rollmill, "score", run, "--with", "reference_likelihood", "--with", "length")
    refused = rollmill("replay", run, "--score", "reference_likelihood")
    assert (refused.status, "rests on the reference, which no vote may see" in refused.err) == (2, True)
    with Workspace.open() as workspace:
        pool = scope_pool(run_scope(Reader(workspace), run)).pool
    assert {"reference_likelihood", "length"} <= pool.scores.keys()
    assert {tuple(ballot.pool.scores) for ballot in ballots(pool, pool.models)} == {("length",)}
