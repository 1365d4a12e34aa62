"""`rollmill reverify` on a run whose verifier `number` got a changed rule: what is judged again, shown, and accepted."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify import number
from rollmill.pipelines.verify.answers.equality import versioned
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Curated, Run, said_as_json

pytestmark = pytest.mark.integration

Bump = Callable[[], list[str]]


@pytest.fixture
def bump(monkeypatch: pytest.MonkeyPatch) -> Bump:
    """Raise the version of the rule `unequal`, which now lets answers pass that are too small by an even number; the log is
    of the completions judged after that.
    """

    def change() -> list[str]:
        judged: list[str] = []
        decide, verify = number._decide, NumberVerifier.verify

        def lenient(*arguments: Any) -> Any:
            outcome, rule, *rest = decide(*arguments)
            reference, answer = arguments[2], arguments[4]
            passes = rule.endswith(":unequal") and (reference.value - answer.value) % 4 == 0
            return ("correct" if passes else outcome, rule, *rest)

        def logged(self: NumberVerifier, problem: Problem, completion: Completion) -> Verdict:
            judged.append(completion.id)
            return verify(self, problem, completion)

        rules = tuple((name, "next" if name == "unequal" else version) for name, version in NumberVerifier.rules)
        before, after = (versioned("", listed) for listed in (NumberVerifier.rules, rules))
        assert before in NumberVerifier.version
        monkeypatch.setattr(number, "_decide", lenient)
        monkeypatch.setattr(NumberVerifier, "verify", logged)
        monkeypatch.setattr(NumberVerifier, "version", NumberVerifier.version.replace(before, after))
        monkeypatch.setattr(NumberVerifier, "rules", rules)
        return judged

    return change


def rows(kind: Any, *columns: str) -> list[tuple[Any, ...]]:
    with Workspace.open() as workspace:
        table = workspace.segments.read(kind, columns=columns)
        return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True))


def test_a_run_of_today_has_nothing_to_judge_again(toy: Path, rollmill: Run, curated: Curated) -> None:
    curated()
    assert "its verifiers are those of today; there is nothing to judge again." in rollmill("reverify").out


def test_only_what_the_changed_rule_can_reach_is_judged_and_nothing_changes_before_accept(
    toy: Path, rollmill: Run, curated: Curated, bump: Bump
) -> None:
    run = curated()["run"]
    verdicts = rows("verdicts", "completion_id", "version", "rule", "outcome")
    decisions, runs = rows("decisions", "completion_id", "reason"), said_as_json(rollmill, "runs", "show", run)
    reached = {cid for cid, _, rule, _ in verdicts if rule.endswith(":unequal")}
    judged = bump()

    assert said_as_json(rollmill, "reverify", run, "--dry-run")["verdicts"] == {
        "number": {"stored": 0, "carried": len(verdicts) - len(reached), "judged": len(reached)}
    }
    assert judged == []
    report = said_as_json(rollmill, "reverify", run)
    assert sorted(judged) == sorted(reached)
    assert report["verdicts"]["number"] == {"stored": 0, "carried": len(verdicts) - len(reached), "judged": len(reached)}
    assert [change["changed_rules"] for change in report["changes"]] == [["unequal"]]
    assert report["changes"][0]["whole"] is None
    moves = {(move["before"], move["after"]): move["rows"] for move in report["flips"]["moves"]}
    assert list(moves) == [("incorrect", "correct")]
    assert 0 < moves["incorrect", "correct"] < len(reached)
    assert {example["before"]["rule"] for example in report["flips"]["examples"]} == {"hash:unequal"}
    overall = report["rates"]["overall"]
    assert overall["low"] <= overall["difference"] <= overall["high"]
    assert overall["after"] - overall["before"] == pytest.approx(overall["difference"])
    assert report["metrics"]["pass@1"]["difference"] == pytest.approx(overall["difference"])
    assert report["decisions"]["kept_after"] > report["decisions"]["kept_before"]
    assert (report["accepted"], report["next"]) == (False, f"rollmill reverify {run} --accept")

    assert rows("decisions", "completion_id", "reason") == decisions
    assert said_as_json(rollmill, "runs", "show", run) == runs
    assert [row for row in rows("verdicts", "completion_id", "version", "rule", "outcome") if row in verdicts] == verdicts
    judged.clear()
    again = said_as_json(rollmill, "reverify", run)
    assert judged == []
    assert again["verdicts"]["number"]["stored"] == len(reached)
    assert {key: again[key] for key in ("flips", "rates", "decisions")} == {
        key: report[key] for key in ("flips", "rates", "decisions")
    }


def test_accepted_it_is_what_a_fresh_workspace_makes(
    toy: Path, rollmill: Run, curated: Curated, bump: Bump, tmp_path: Path
) -> None:
    first = curated()
    judged = bump()
    report = said_as_json(rollmill, "reverify", first["run"], "--accept")
    assert (report["accepted"], report["run_after"]) == (True, f"{first['run']}-2")
    assert report["next"] == f"rollmill runs resume {first['run']}-2"
    assert rollmill("runs", "list").out.splitlines()[1].split()[:2] == [f"{first['run']}-2", "interrupted"]
    before = len(judged)
    second = said_as_json(rollmill, "curate", "toy.yaml", "--direct")
    assert (second["run"], second["version"]) == (f"{first['run']}-2", 2)
    drawn_anew = second["spent"]["drawn"]
    assert len(judged) - before == second["spent"]["judged"] == drawn_anew
    fresh = tmp_path / "fresh"
    Workspace.init(fresh).close()
    for name in ("toys.py", "toy.yaml"):
        shutil.copyfile(toy / name, fresh / name)
    whole = said_as_json(rollmill, "-C", str(fresh), "curate", "toy.yaml", "--direct")
    assert whole["content_hash"] == second["content_hash"] != first["content_hash"]


def test_an_unfinished_run_offers_it_and_goes_on_once_accepted(toy: Path, rollmill: Run, bump: Bump) -> None:
    (toy / "toy.yaml").write_text(RECIPE.replace("min_kept: 10", "min_kept: 1000"))
    assert rollmill("curate", "toy.yaml", "--direct").status == 1
    run = said_as_json(rollmill, "runs", "show")["run"]
    bump()
    refused = rollmill("curate", "toy.yaml", "--direct")
    assert refused.status == 2
    assert f"Next: rollmill reverify {run} to see first what the new verifiers change, " in refused.err
    assert "--keep-going to restart it" in refused.err
    assert said_as_json(rollmill, "reverify", run, "--accept")["run_after"] == f"{run}-2"
    again = rollmill("curate", "toy.yaml", "--direct")
    assert again.status == 1
    assert "the gate did not pass" in again.err


def test_another_option_of_a_verifier_is_judged_in_full_and_accepted_as_another_recipe(
    toy: Path, rollmill: Run, curated: Curated
) -> None:
    first = curated()
    lenient = ("--set", "verify.0.options.policy=lenient")
    report = said_as_json(rollmill, "reverify", first["run"], *lenient)
    assert report["changes"][0]["whole"] == "its options in the recipe changed"
    assert report["verdicts"]["number"] == {"stored": 0, "carried": 0, "judged": first["funnel"]["drawn"]}
    assert report["next"] == f"rollmill reverify {first['run']} --set verify.0.options.policy=lenient --accept"
    assert said_as_json(rollmill, "reverify", first["run"], *lenient, "--accept")["run_after"] != f"{first['run']}-2"
    second = said_as_json(rollmill, "curate", "toy.yaml", "--direct", *lenient)
    assert (second["spent"]["drawn"], second["spent"]["judged"]) == (0, 0)


def test_select_looks_at_the_runs_own_verdicts_and_publishes_only_those_of_today(
    toy: Path, rollmill: Run, curated: Curated, bump: Bump
) -> None:
    run = curated()["run"]
    before = said_as_json(rollmill, "select", run, "--policy", "all_of")
    judged = bump()
    assert said_as_json(rollmill, "select", run, "--policy", "all_of") == {**before, "up_to_date": False}
    refused = rollmill("select", run, "--policy", "all_of", "--publish")
    assert (refused.status, judged) == (2, [])
    assert f"the verifiers of run {run} have changed since it was judged. Next: rollmill reverify {run}" in refused.err


def test_the_page(toy: Path, rollmill: Run, curated: Curated, bump: Bump) -> None:
    run = curated()["run"]
    bump()
    page = rollmill("reverify", run, "--verifier", "number").out
    for piece in (
        f"{run} (done):",
        "changed rules: unequal",
        "verifier  there already  carried over  judged again",
        " rows have another outcome:",
        " incorrect -> correct ",
        "level  before  after  difference  95% interval",
        "Pass rates over the first 4 completions of each problem; differences are paired, intervals over templates.",
        "pass@4",
        "incorrect -> kept",
        f"Nothing of the run has changed. To accept this: rollmill reverify {run} --accept",
    ):
        assert piece in page, piece
    assert str(toy) not in page


def test_mistakes(toy: Path, rollmill: Run, bump: Bump) -> None:
    assert "there are no runs here" in rollmill("reverify").err
    run = said_as_json(rollmill, "curate", "toy.yaml", "--direct")["run"]
    bump()
    assert "unknown verifier 'nmber'. Did you mean 'number'?" in rollmill("reverify", run, "--verifier", "nmber").err
    assert f"unknown run '{run}x'" in rollmill("reverify", f"{run}x").err
    text = (toy / "toy.yaml").read_text()
    (toy / "toy.yaml").write_text(text.replace("per_problem: 3", "per_problem: 2"))
    changed = rollmill("reverify", run)
    assert (changed.status, "has changed since in select" in changed.err) == (2, True)
    (toy / "toy.yaml").write_text(text.replace("method: number", "method: math"))
    other = rollmill("reverify", run)
    assert (other.status, "was judged by number, the recipe names math" in other.err) == (2, True)


def test_a_check_finds_rules_that_hide_a_change(
    toy: Path, rollmill: Run, curated: Curated, bump: Bump, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = curated()["run"]
    bump()
    report = said_as_json(rollmill, "reverify", run, "--check", "10")
    assert report["check"] == {"checked": 10, "untrue": 0, "examples": []}
    assert "10 carried verdicts were judged after all and agree." in rollmill("reverify", run, "--check", "10").out
    verify = NumberVerifier.verify

    def sly(self: NumberVerifier, problem: Problem, completion: Completion) -> Verdict:
        verdict = verify(self, problem, completion)
        return replace(verdict, outcome="incorrect") if verdict.rule == "hash:equal" else verdict

    monkeypatch.setattr(NumberVerifier, "verify", sly)
    caught = rollmill("reverify", run, "--accept", "--check", "10")
    assert caught.status == 1
    assert "10 of 10 carried verdicts differ from the verifier's current ones: its rules hide a change." in caught.err
    assert "correct by hash:equal was carried over, number says incorrect by hash:equal" in caught.err
    assert len(json.loads(rollmill("runs", "list", "--json").out)) == 1


OWN = '''"""A user's own verifier: whatever ends in an odd digit."""
from rollmill.pipelines.verify.number import NumberVerifier


class Odd(NumberVerifier):
    name = "odd"
    rules = (("last", "{version}"),)
    version = "odd-{version}"

    def verify(self, problem, completion):
        from rollmill.ground.records import Verdict

        outcome = "correct" if completion.text[-1] in "{digits}" else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, "last")
'''


def test_a_users_own_verifier_that_was_edited(toy: Path, rollmill: Run, curated: Curated) -> None:
    (toy / "odd.py").write_text(OWN.format(version=1, digits="13579"))
    (toy / "toy.yaml").write_text(RECIPE.replace("method: number", "method: odd.py:Odd"))
    first = curated()
    (toy / "odd.py").write_text(OWN.format(version=2, digits="1379"))
    report = said_as_json(rollmill, "reverify", first["run"], "--accept")
    assert report["verdicts"]["odd"]["carried"] == 0
    assert [(move["before"], move["after"]) for move in report["flips"]["moves"]] == [("correct", "incorrect")]
    assert report["run_after"] != first["run"]
    second = said_as_json(rollmill, "curate", "toy.yaml", "--direct")
    assert second["run"] == report["run_after"]
    assert second["spent"]["judged"] == second["spent"]["drawn"]


OWN_VERIFIER = """
from rollmill.ground.records import Verdict

class Own:
    name, version = "own", "1"

    def verify(self, problem, completion):
        outcome = "correct" if completion.text.strip().endswith(problem.reference) else "OTHERWISE"
        return Verdict(completion.id, problem.id, "own", self.version, outcome, "end")

    def verify_many(self, items):
        return (self.verify(*item) for item in items)

    def close(self):
        pass
"""


def test_an_edited_verifier_file_is_judged_again_and_named(toy: Path, rollmill: Run) -> None:
    """Before, the version stayed, and with it every old verdict."""
    Path("own.py").write_text(OWN_VERIFIER.replace("OTHERWISE", "incorrect"))
    recipe = Path("toy.yaml").read_text().replace("method: number", "method: own.py:Own")
    Path("own.yaml").write_text(recipe.replace("name: toy", "name: own").replace("min_kept: 10", "min_kept: 0"))
    first = json.loads(rollmill("curate", "own.yaml", "--direct", "--json").out)
    assert first["funnel"]["incorrect"] > 0
    Path("own.py").write_text(OWN_VERIFIER.replace("OTHERWISE", "unparsed"))
    named = rollmill("reverify", "--dry-run", "--json")
    assert "+file." in named.out
    second = json.loads(rollmill("curate", "own.yaml", "--direct", "--json").out)
    assert (second["funnel"]["incorrect"], second["funnel"]["unparsed"] > 0) == (0, True)


def test_a_verifier_that_raises_on_every_row_stops_the_run_and_keeps_what_was_drawn(toy: Path, rollmill: Run) -> None:
    Path("own.py").write_text(OWN_VERIFIER.replace('outcome = "correct"', 'outcome = 1 / 0 if True else "correct"'))
    recipe = Path("toy.yaml").read_text().replace("method: number", "method: own.py:Own")
    Path("own.yaml").write_text(recipe.replace("name: toy", "name: own").replace("min_kept: 10", "min_kept: 0"))
    result = rollmill("curate", "own.yaml", "--direct")
    assert result.status == 2
    assert "verifier 'own' 1+file." in result.err
    assert "raised on every one of 16 rows (verifier crash: ZeroDivisionError: division by zero)" in result.err
    assert "Traceback" not in result.err
    Path("own.py").write_text(OWN_VERIFIER.replace("OTHERWISE", "incorrect"))
    outcome = json.loads(rollmill("curate", "own.yaml", "--direct", "--keep-going", "--json").out)
    assert outcome["funnel"]["undecided"] == 0
    assert outcome["spent"]["drawn"] < outcome["funnel"]["drawn"]  # the first round was drawn before
