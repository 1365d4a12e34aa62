"""A template that says how the text it follows came out says what was known when it asked, also where more is known now."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, said_as_json

pytestmark = pytest.mark.integration
SEEING = ("--set", "sees_label=true")  # what tells an outcome saw a label

RECIPE = """\
recipe_schema: 1
name: told
problems: {synthesize: templates, count: 10, options: {levels: [4, 5]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 80}
steps:
  - {name: solve, count: 3}
  - {name: grade, role: vote, count: 3, template: "{prompt}\\n{solve}\\nIs it so?", max_tokens: 20,
     read: {score: '([0-9])'}}
  - {name: again, template: "{prompt}\\n{solve}\\nA checker said {solve.outcome}. Once more.", max_tokens: 30}
verify:
  - {method: number}
VOTES
score: [{method: "asked.py:Asked"}]
select: {method: all_correct}
gate: {min_kept: 0, max_undecided: 1}
"""
VOTES = "  - {method: votes, options: {of: grade.score, least: 4}}\naccept: {method: any_of}"
PLANNED = "  - {method: 'asked.py:Half'}\naccept: {method: all_of, planned_under: {method: first_decided}}"
OWN = PLANNED.replace("first_decided", "'asked.py:FirstSaid'")
ASKED = """
from rollmill.ground.records import Score, Verdict

SAID = ("correct", "incorrect", "unparsed", "undecided")


class Asked:
    name = "asked"
    version = "1"
    needs = ()

    def score_groups(self, groups):
        for group in groups:
            for completion in group.completions:
                asked = group.follow_ups.get(completion.id)
                if asked is not None:
                    word = asked.rpartition("A checker said ")[2].split(".")[0]
                    yield Score(completion.id, group.problem.id, self.name, self.version, float(SAID.index(word)))


class Later(Asked):
    name = "later"


class FirstSaid:
    name, version, lazy, over = "first_said", "1", False, ()

    def decide(self, verdicts):
        return verdicts[0]


class Half:
    name = "half"
    version = "1"

    def verify(self, problem, completion):
        outcome = "correct" if int(completion.id[0], 16) % 2 else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, "half")

    def verify_many(self, items):
        return (self.verify(*item) for item in items)

    def close(self):
        pass
"""


@pytest.fixture(
    params=[VOTES, PLANNED, OWN], ids=["votes", "planned under another policy", "planned under a policy of the user's own"]
)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run, request: pytest.FixtureRequest) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("told.yaml").write_text(RECIPE.replace("VOTES", request.param))
    Path("asked.py").write_text(ASKED)
    return said_as_json(rollmill, "curate", "told.yaml", "--direct")


def scores(name: str) -> dict[str, float]:
    with Workspace.open() as workspace:
        table = workspace.segments.read("scores")
    rows = zip(*(table[key].to_pylist() for key in ("scorer", "completion_id", "value")), strict=True)
    return {cid: value for scorer, cid, value in rows if scorer == name}


def test_a_scorer_is_shown_later_what_it_would_have_been_shown_in_the_run(told: dict[str, Any], rollmill: Run) -> None:
    result = rollmill("score", told["run"], "--with", "asked.py:Later")
    assert result.status == 0, result.err
    assert scores("later") == scores("asked")
    assert len(scores("asked")) == 30


def test_a_conversation_holds_what_was_asked(told: dict[str, Any], rollmill: Run) -> None:
    result = rollmill("dataset", "export", "told", "--format", "thread", "--out", "out.jsonl", *SEEING)
    assert result.status == 0, result.err
    words = ("correct", "incorrect", "unparsed", "undecided")
    asked = scores("asked")
    compared = 0
    for row in map(json.loads, Path("out.jsonl").read_text().splitlines()):
        for turn in row["messages"]:
            if "A checker said " in turn["content"]:
                assert turn["content"].rpartition("A checker said ")[2] == f"{words[int(asked[row['id']])]}. Once more."
                compared += 1
    assert compared
