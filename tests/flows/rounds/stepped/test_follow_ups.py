"""Runs whose steps follow one another: nothing but the recipe changes a row, nothing is drawn twice, limits hold."""

import random
import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.progress import Progress
from rollmill.flows.rounds import decide, run_all
from rollmill.ground.records import Origin, Prompt, Score, completion_id
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.score.votes import VotesScorer
from rollmill.pipelines.select.elected import Elected
from rollmill.roles.protocols import MODEL, Candidates
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.storage.queries import Reader, funnel, run_scope
from rollmill.storage.spending import Limit
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.stepped.chain import BATCH, GRAPH, chain
from tests.flows.rounds.toy import Rows, ToyEngine, calls, killed, rows_of, whole, with_spec, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, chain())
    return rows_of(path)


def test_every_follow_up_follows_what_its_step_names(plain: Rows) -> None:
    step_of = {cid: step for _, _, cid, step, _ in plain["links"]}
    outcomes = {cid: outcome for cid, _, _, _, outcome, *_ in plain["verdicts"]}
    followed: dict[str, list[tuple[str, ...]]] = {}
    for _, _, _, step, after in plain["links"]:
        followed.setdefault(step, []).append(tuple(after.split()) if after else ())
    assert set(followed["solve"]) == {()}
    assert {step_of[cid] for (cid,) in followed["check"]} == {"solve", "again"}  # what was solved again is checked again
    assert {outcomes[cid] for (cid,) in followed["check"]} == {"incorrect"}
    assert {step_of[cid] for (cid,) in followed["again"]} == {"check"}
    assert set(Counter(followed["again"]).values()) == {2}
    assert {(step_of[cid], outcomes[cid]) for (cid,) in followed["note"]} == {("again", "correct")}
    assert {len(after) for after in followed["pick"]} == {4}
    assert max(Counter(cid for after in followed["pick"] for cid in after).values()) == 1


def test_what_is_no_answer_is_not_judged_and_not_decided(plain: Rows) -> None:
    step_of = {cid: step for _, _, cid, step, _ in plain["links"]}
    answers = {cid for cid, step in step_of.items() if step in GRAPH.answers}
    assert {row[0] for row in plain["verdicts"]} == answers
    assert {row[2] for row in plain["decisions"]} == answers
    assert {row[0] for row in plain["completions"]} == set(step_of)


def test_what_nobody_judges_passes_no_verify_and_stands_beside_the_funnel(tmp_path: Path, plain: Rows) -> None:
    step_of = {cid: step for _, _, cid, step, _ in plain["links"]}
    answers = sum(step in GRAPH.answers for step in step_of.values())
    told: dict[str, tuple[int, int]] = {}
    progress = Progress(lambda stage: told.update({stage.name: (stage.done, stage.total)}))
    recipe = {"steps": [{"name": name, "role": node.step.role} for name, node in GRAPH.nodes.items()]}
    with Workspace.init(tmp_path) as ws, chain(changes={"on_event": progress}).open(ws) as run:
        ws.runs.open("toy-run", name="toy", recipe=recipe, recipe_hash="0" * 32)
        run_all(run)
        stored = {part.stage: (part.done, part.total) for part in ws.runs.progress_of("toy-run")}
        live = funnel(run_scope(Reader(ws), "toy-run"))
        decided = decide(run).funnel
    assert 0 < answers < len(step_of)
    assert told == stored == {"draw": (len(step_of), len(step_of)), "verify": (answers, answers)}
    assert live.planned == decided.planned == answers
    assert live.unjudged == decided.unjudged == len(step_of) - answers
    assert live.kept is None


@pytest.mark.parametrize(
    "changes",
    [{"batch": 3}, {"batch": 64}, {"reverse": True}, {"spooled": True}],
    ids=["small", "large", "reversed", "spooled"],
)
def test_batches_and_the_order_of_answers_change_no_row(tmp_path: Path, plain: Rows, changes: dict[str, Any]) -> None:
    whole(tmp_path, chain(**changes))
    assert rows_of(tmp_path) == plain


def test_a_budget_sees_the_roots_alone(plain: Rows, tmp_path: Path) -> None:
    """What it draws is what it draws where nothing follows."""
    alone = chain()
    alone = with_spec(alone, steps=alone.spec.steps[:1])
    whole(tmp_path, alone)
    roots = [row[:4] for row in plain["links"] if row[3] == "solve"]
    assert [row[:4] for row in rows_of(tmp_path)["links"]] == roots


@pytest.mark.parametrize(
    "moment",
    [
        "plan.committed:2",
        *(
            pytest.param(m, marks=pytest.mark.chaos)
            for m in ("segment.renamed:5", "segment.registered:9", "plan.committed:3")
        ),
    ],
)
def test_a_killed_run_goes_on_to_the_same_rows(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    assert Forked(killed, tmp_path / "ws", log, chain, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, chain)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH


@pytest.mark.chaos
def test_twenty_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, plain: Rows) -> None:
    log, rng, kills = tmp_path / "log", random.Random(5), 0
    while kills < 20:
        kind = rng.choice(["segment.renamed", "segment.registered", "plan.committed"])
        status, said = Forked(killed, tmp_path / "ws", log, chain, point=f"{kind}:{rng.randint(1, 3)}").end()
        assert said == ""
        if status == 0:  # it came to its end: another one begins
            assert rows_of(tmp_path / "ws") == plain
            (tmp_path / "ws").rename(tmp_path / f"done-{kills}")
            log.unlink()
            continue
        assert status == -signal.SIGKILL
        kills += 1
    killed(tmp_path / "ws", log, chain)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH * kills


def test_a_root_that_nobody_judges_is_drawn_and_followed(tmp_path: Path) -> None:
    """As often as the budget says; the rates are over nothing, and batches change no row."""
    written = StepGraph([StepRule("write", role="step"), StepRule("solve", "{prompt}\n{write}", count=2)])

    def made(path: Path, batch: int) -> Rows:
        run = chain(batch=batch)
        steps = [replace(run.spec.steps[0], node=node) for node in written.nodes.values()]
        run = with_spec(run, steps=steps, budget=Fixed(initial=3))
        assert run.spec.prefix == 0
        _, report = whole(path, run)
        assert (report.funnel.problems, report.funnel.planned) == (12, 72)
        return rows_of(path)

    rows = made(tmp_path / "one", 8)
    step_of = {cid: step for _, _, cid, step, _ in rows["links"]}
    assert Counter(step_of.values()) == {"write": 36, "solve": 72}
    assert {step_of[row[0]] for row in rows["verdicts"]} == {"solve"} == {step_of[row[2]] for row in rows["decisions"]}
    assert {row[3] for row in rows["stops"]} == {"trial_cap"}
    assert made(tmp_path / "other", 5) == rows


@pytest.mark.parametrize("place", ["{solve}", "{solve.said}"])
def test_a_repeated_step_goes_on_where_its_template_names_a_field(tmp_path: Path, place: str) -> None:
    """A field of the answer is read from what stands for it too, so both templates draw as many."""
    reader = {"said": r"(?s)(.*)"}
    graph = StepGraph([StepRule("solve", read=reader), StepRule("again", f"{{prompt}}\nBefore: {place}", repeat=2)])
    run = chain(count=4)
    steps = [replace(run.spec.steps[0], node=node) for node in graph.nodes.values()]
    whole(tmp_path, with_spec(run, steps=steps, budget=Fixed(initial=3)))
    links = rows_of(tmp_path)["links"]
    step_of = {cid: step for _, _, cid, step, _ in links}
    assert Counter(step_of.values()) == {"solve": 12, "again": 36}
    assert Counter(step_of[after] for *_, after in links if after) == {"solve": 12, "again": 24}


def test_a_limit_on_tokens_holds_over_all_steps_and_the_next_command_goes_on(tmp_path: Path, plain: Rows) -> None:
    limited = chain(changes={"limit": Limit(tokens=2_000)})
    with workspace(tmp_path) as ws, limited.open(ws) as run:
        results = run_all(run)
        drawn = ws.segments.connect().execute("SELECT sum(tokens_in + tokens_out), count(*) FROM completions").fetchall()
    assert results[-1].stopped == "token limit"
    assert 0 < drawn[0][0] <= 2_000
    assert drawn[0][1] < len(plain["completions"])
    whole(tmp_path, chain())
    assert rows_of(tmp_path) == plain


def test_a_step_that_comes_later_draws_only_its_own(tmp_path: Path) -> None:
    """Another recipe on the same workspace reuses the solutions, and what follows them anew is new."""
    log = tmp_path / "log"
    alone = chain("alone", log=log)
    alone = with_spec(alone, steps=alone.spec.steps[:1])
    whole(tmp_path / "ws", alone)
    first = len(calls(log))
    _, report = whole(tmp_path / "ws", chain(log=log))
    assert report.reused == first
    assert len(calls(log)) == len(set(calls(log)))
    with workspace(tmp_path / "ws", "second") as ws, chain("second", log=log).open(ws) as again:
        assert sum(result.drawn for result in run_all(again)) == 0
        assert decide(again).reused == report.completions


def test_votes_are_read_as_scores_and_elect(tmp_path: Path, plain: Rows) -> None:
    """By hand: of the votes that were shown a completion, the share that named its number."""
    _, report = whole(tmp_path, chain(changes={"scorers": (VotesScorer(of="pick.best"),), "selector": Elected()}))
    texts = {row[0]: row[5] for row in plain["completions"]}
    expected: dict[str, float] = {}
    for _, _, cid, step, after in plain["links"]:
        match = re.search(r"(\d)$", texts[cid]) if step == "pick" else None
        if match is not None and 1 <= int(match[1]) <= 4:
            expected |= {cid: float(int(match[1]) == place) for place, cid in enumerate(after.split(), 1)}
    assert expected
    assert {score.completion_id: score.value for score in report.scores} == expected
    best = {cid for cid, value in expected.items() if value == 1.0}
    named = {decision.problem_id for decision in report.decisions if decision.completion_id in best}
    kept = {decision.completion_id for decision in report.decisions if decision.kept and decision.problem_id in named}
    assert kept
    assert kept <= best  # where a vote named somebody, nobody else is elected
    elected = Counter(decision.problem_id for decision in report.decisions if decision.kept)
    assert max(elected.values()) == 1


@dataclass
class Looking:
    """A scorer that keeps what it is shown."""

    shown: dict[str, Prompt] = field(default_factory=dict)
    asked: dict[str, Prompt] = field(default_factory=dict)
    name = "looking"
    version = "1"
    needs = (MODEL,)

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        for group in groups:
            for prompt, one in group.prompted():
                self.shown[one.id], self.asked[one.id] = prompt, group.question(one)
                yield Score(one.id, group.problem.id, "looking", "1", 1.0)


def test_a_scorer_that_asks_a_model_is_shown_what_was_asked(tmp_path: Path) -> None:
    """The id of a completion is a hash of its rendered prompt: it says which prompt it answered."""
    looking = Looking()
    run = chain(changes={"scorers": (looking,)})
    whole(tmp_path, run)
    engine, found = ToyEngine(), Counter[str]()
    with workspace(tmp_path) as ws:
        rows = {row.completion_id: row for plan in ws.runs.plans(run.id) for row in plan}
    origin = Origin(engine.engine, engine.model_digest, run.spec.stream, run.spec.recipe_seed)
    for cid, prompt in looking.shown.items():
        row, sampling = rows[cid], run.spec.step(rows[cid].step).sampling
        found[row.step] += 1
        if row.step != "note":  # no model was asked for it: what was asked for the text that it is made of
            rendered = engine.render(prompt)
            assert completion_id(origin, rendered, sampling, seed=row.seed, sample_index=row.sample_index) == cid
            assert looking.asked[cid] == prompt
    assert set(found) == {"solve", "again", "note"}


def test_another_reader_reads_what_is_stored_and_draws_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    whole(tmp_path / "ws", chain(log=log))
    first = len(calls(log))
    other = StepGraph([replace(node.step, read={**node.step.read, "more": r"(\w+)"}) for node in GRAPH.nodes.values()])
    again = chain("other", log=log)
    steps = [replace(step, node=other.nodes[step.name]) for step in again.spec.steps]
    again = with_spec(again, steps=steps)
    whole(tmp_path / "ws", again)
    assert len(calls(log)) == first
