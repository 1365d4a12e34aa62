"""What a rollout votes for and which scores it has, from the tables of a version."""

from typing import Any

import numpy as np

from rollmill.ground.pool import answer_key, ballot, measured_scores, pool_of
from rollmill.ground.records import Completion, Decision, Outcome, Problem, Score, Verdict
from rollmill.storage.segments.schema import to_table

PROBLEM = Problem("What is 3 + 4?", "7")


def verdict(outcome: Outcome, extracted: str | None, normal_form: str | None = None, *, cid: str = "c") -> Verdict:
    return Verdict(cid, PROBLEM.id, "number", "1", outcome, "rule", extracted=extracted, normal_form=normal_form)


def test_equal_normal_forms_are_equal_answers_and_what_cannot_be_read_is_none() -> None:
    assert answer_key(verdict("correct", "7.0", "7")) == answer_key(verdict("incorrect", "7", "7")) == "7"
    assert answer_key(verdict("incorrect", "7.0")) == "7.0"
    assert answer_key(verdict("unparsed", "none")) is None
    assert answer_key(verdict("undecided", None)) is None
    assert answer_key(verdict("incorrect", "x", "9" * 1_000)) is None  # cut off there, so it may differ from its like


def test_unparsed_abstains_and_an_answer_without_a_key_votes_for_itself_alone() -> None:
    assert ballot(verdict("unparsed", "none")) is None
    assert ballot(verdict("incorrect", None, "9" * 1_000)) == ballot(verdict("undecided", None)) == "(no key) c"
    assert ballot(verdict("undecided", None, cid="d")) == "(no key) d"


def completion(cid: str, logprob: float | None, tokens: int | None, certainty: float | None = None) -> Completion:
    return Completion(
        cid, PROBLEM.prompt_id, "e", "m", "d", "curate", int(cid[1:]), 0, "text", "stop",
        tokens_out=tokens, logprob_sum=logprob, self_certainty=certainty,
    )  # fmt: skip


def decided(verdict: Verdict, verifier: str = "number") -> Decision:
    return Decision(
        "r", PROBLEM.id, verdict.completion_id, "s", "1", kept=False, reason="x", outcome=verdict.outcome,
        verifier=verifier, verifier_version="1",
    )  # fmt: skip


def tables(verdicts: list[Verdict], scores: list[Score], policy: str = "number") -> Any:
    completions = [completion("c0", -3.0, 6, 1.5), completion("c1", None, None), completion("c2", -8.0, 4, 2.5)]
    decisions = [decided(verdict, policy) for verdict in {verdict.completion_id: verdict for verdict in verdicts}.values()]
    return (
        to_table("problems", [PROBLEM]),
        to_table("completions", completions),
        to_table("decisions", decisions),
        to_table("verdicts", verdicts),
        to_table("scores", scores),
    )


SAID = [verdict("correct", "7", cid="c0"), verdict("unparsed", "hm", cid="c1"), verdict("incorrect", "7.0", "7", cid="c2")]


def test_a_versions_tables_give_answers_and_scores_by_row() -> None:
    scores = [Score("c2", PROBLEM.id, "reward", "1", 0.25), Score("c0", "another", "reward", "1", 9.0)]
    pool = pool_of(*tables(SAID, scores))
    assert [None if at < 0 else pool.answers[at] for at in pool.answer.tolist()] == ["7", None, "7"]
    assert pool.scores["logprob_per_token"].tolist()[::2] == [-0.5, -2.0]
    assert pool.scores["self_certainty"].tolist()[::2] == [1.5, 2.5]
    assert np.isnan([pool.scores[name][1] for name in pool.scores]).all()  # undefined is undefined, never 0
    assert pool.scores["reward"].tolist()[2] == 0.25
    assert np.isnan(pool.scores["reward"][:2]).all()


def test_scores_of_two_versions_of_a_scorer_stay_apart() -> None:
    scores = [Score("c0", PROBLEM.id, "reward", version, value) for version, value in (("1", 0.1), ("2", 0.9))]
    pool = pool_of(*tables(SAID, scores))
    assert (pool.scores["reward@1"][0], pool.scores["reward@2"][0]) == (0.1, 0.9)
    assert "reward" not in pool.scores


def test_where_a_policy_decided_the_first_verdict_with_an_answer_gives_the_key() -> None:
    other = Verdict("c0", PROBLEM.id, "math", "1", "incorrect", "rule", extracted="9")
    pool = pool_of(*tables([*SAID, other], [], policy="policy:majority"))
    assert pool.answers[pool.answer[0]] == "7"


def test_the_answers_of_a_pool_do_not_depend_on_who_was_right() -> None:
    def turned(given: Verdict) -> Verdict:
        flip: dict[Outcome, Outcome] = {"correct": "incorrect", "incorrect": "correct"}
        return verdict(flip.get(given.outcome, given.outcome), given.extracted, given.normal_form, cid=given.completion_id)

    before, after = pool_of(*tables(SAID, [])), pool_of(*tables(list(map(turned, SAID)), []))
    assert before.answers == after.answers
    assert before.answer.tolist() == after.answer.tolist()


def test_only_scores_that_some_completion_has_are_named() -> None:
    nothing = np.array([np.nan, np.nan])
    some = {"logprob_sum": np.array([-1.0, np.nan]), "self_certainty": nothing}
    assert measured_scores({"logprob_sum": nothing, "self_certainty": nothing}, np.array([3, 4])) == {}
    assert list(measured_scores(some, np.array([0, 4]))) == ["logprob_sum"]
