"""What every decoder must do on the embedded model: a text by its request alone, with its cost and log-probabilities."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, requests_for
from rollmill.pipelines.generate.decoders import DECODERS
from rollmill.pipelines.generate.decoders.decoder import built_decoder
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.method_checks import check_method

PROMPTS = (
    "Tom has 12 apples and buys 7 apples. How many apples does Tom have now?",
    "Max shares 54 books between 4 red and 5 blue boxes. How many books are in one box?",
)


@dataclass(frozen=True)
class Row:
    """Options and sampling under which a decoder is tested."""

    options: Mapping[str, Any]
    temperature: float = 1.0


ROWS = {
    "beam": Row({"width": 3}, 0.0),
    "constrained": Row({"regex": r"[^#]*#### -?\d+", "particles": 3}),
    "masked": Row({"regex": r"[^#]*#### -?\d+"}),
    "speculative": Row({"rule": "single", "drafter": "layers", "skip": [2]}),
}


def recorded(name: str, **options: Any) -> RecordedMethod:
    return RecordedMethod(name, "1", canonical_json(options))


def sampling_of(name: str, **more: Any) -> Sampling:
    row = ROWS[name]
    return Sampling(row.temperature, max_tokens=24, decode=recorded(name, **{**row.options, **more}))


@pytest.fixture(scope="module")
def engine() -> Iterator[Embedded]:
    engine = Embedded(threads=1)
    yield engine
    engine.close()


def requests(engine: Embedded, sampling: Sampling, count: int = 2) -> list[Request]:
    origin = Origin(engine.engine, engine.model_digest, "curate", 1)
    problems = [Problem(prompt, "0") for prompt in PROMPTS]
    return [
        request
        for problem in problems
        for request in requests_for(problem, engine.render(problem.prompt), sampling, origin, range(count))
    ]


def kept(completions: Sequence[Completion]) -> dict[str, tuple[Any, ...]]:
    return {row.id: (row.text, row.token_ids, row.logprob_sum, row.self_certainty, row.meta) for row in completions}


def test_every_decoder_has_a_row() -> None:
    assert set(ROWS) == set(DECODERS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_text_depends_on_its_request_alone(name: str, engine: Embedded) -> None:
    decoder = built_decoder(sampling_of(name).decode)
    check_method("decoder", name, decoder)
    assert (decoder.name, decoder.version) == (name, "1")
    asked = requests(engine, sampling_of(name))
    plain = requests(engine, Sampling(max_tokens=24))
    assert decoder.weighted == (name == "constrained")
    whole = kept(list(engine.generate([*plain, *asked])))
    assert kept(list(engine.generate(asked[::-1]))) == {row.completion_id: whole[row.completion_id] for row in asked}
    [alone] = engine.generate(asked[1:2])
    assert kept([alone])[alone.id] == whole[alone.id]
    assert alone.meta["decode"]["target_calls"] > 0
    assert alone.meta.get("by_weight", False) == decoder.weighted
    assert alone.tokens_out == len(alone.token_ids or ())


@pytest.mark.parametrize("name", sorted(ROWS))
def test_log_probabilities_are_the_models_own(name: str, engine: Embedded) -> None:
    """As the engine gives them for the same text when it scores it."""
    for row in engine.generate(requests(engine, sampling_of(name), 1)):
        ids, total = list(row.prompt_token_ids or ()), 0.0
        assert engine._session is not None
        for token in row.token_ids or ():
            logits = engine._session.prefill(ids).logits.astype(float)
            total += float(logits[token] - np.logaddexp.reduce(logits))
            ids.append(token)
        assert row.logprob_sum == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(
    "options", [{}, {"memory": "prompt", "skip": [1]}, {"drafter": "layers"}, {"drafter": "lookahead"}]
)
@pytest.mark.parametrize("temperature", [0.0, 0.8, 1.0])
def test_coupled_drafts_give_the_text_of_no_drafts(options: dict[str, Any], temperature: float, engine: Embedded) -> None:
    decoded = Sampling(temperature, max_tokens=24, decode=recorded("speculative", **options))
    plain = Sampling(temperature, max_tokens=24)
    texts = {(row.prompt_id, row.sample_index): row.token_ids for row in engine.generate(requests(engine, plain, 3))}
    for row in engine.generate(requests(engine, decoded, 3)):
        assert row.token_ids == texts[row.prompt_id, row.sample_index]
        figures = row.meta["decode"]
        assert 0 <= figures["accepted"] <= figures["verified"]
        assert ("by_order" in figures) == (options.get("memory") == "prompt")


def test_n_grams_are_kept_for_the_last_prompts(engine: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollmill.pipelines.generate.decoders.speculative.MOST_PROMPTS", 1)
    decode = recorded("speculative", memory="prompt", ahead=3)
    drawn = list(engine.generate(requests(engine, Sampling(max_tokens=4, decode=decode), 1)))
    assert len({row.prompt_id for row in drawn}) == 2
    (tables,) = [rows._memory["speculative"] for rows in engine._decoding]
    assert list(tables) == [(3, tuple(drawn[-1].prompt_token_ids or ()))]


def test_a_stop_string_ends_a_speculative_text(engine: Embedded) -> None:
    decode = recorded("speculative", drafter="layers", skip=[2])
    with_stop = Sampling(max_tokens=24, stop=("####",), decode=decode)
    texts = {
        row.sample_index: row for row in engine.generate(requests(engine, Sampling(max_tokens=24, stop=("####",)))[:2])
    }
    for row in engine.generate(requests(engine, with_stop)[:2]):
        assert (row.text, row.finish_reason, row.meta["stop"]) == (texts[row.sample_index].text, "stop", "####")


@pytest.mark.integration
def test_more_skipped_layers_are_accepted_less_and_cost_more_calls(engine: Embedded) -> None:
    rates = []
    for skip in ([2], [1, 2], [0, 1, 2, 3]):
        rows = list(engine.generate(requests(engine, sampling_of("speculative", skip=skip), 6)))
        figures = [row.meta["decode"] for row in rows]
        rates.append(sum(row["accepted"] for row in figures) / sum(row["verified"] for row in figures))
        assert sum(row["accepted"] for row in figures) <= sum(row["optimum"] for row in figures) + 3 * 24**0.5
    assert rates[0] > rates[1] > rates[2]


def test_both_orders_of_a_beam_give_one_text_and_best_first_computes_less(engine: Embedded) -> None:
    quick = list(engine.generate(requests(engine, sampling_of("beam"), 1)))
    plain = list(engine.generate(requests(engine, sampling_of("beam", order="lengths"), 1)))
    assert [row.text for row in quick] == [row.text for row in plain]
    assert all(
        one.meta["decode"]["prefixes"] < other.meta["decode"]["prefixes"] for one, other in zip(quick, plain, strict=True)
    )


@pytest.mark.parametrize("name", ["constrained", "masked"])
def test_a_text_matches_its_constraint_and_an_impossible_one_has_no_weight(name: str, engine: Embedded) -> None:
    for row in engine.generate(requests(engine, sampling_of(name, regex=r"####? \d{1,3}"))):
        assert row.text.startswith("#")
        assert row.meta["log_weight"] < -1  # the model would hardly ever begin so
    [row] = engine.generate(requests(engine, sampling_of(name, regex="\u2603\u2603"), 1)[:1])
    assert (row.text, row.meta["log_weight"], row.meta["cause"]) == ("", None, "no text of the constraint was found")


def test_a_weight_is_the_mean_of_the_chance_of_the_constraint(engine: Embedded) -> None:
    """The chance that the first token is a digit, from log-probabilities, and by the weights of both decoders."""
    problem = Problem(PROMPTS[0], "0")
    logp = np.asarray(engine.next_logprobs(engine.render(problem.prompt)))
    [digits] = [[token for token in range(len(logp)) if engine._vocabulary.decode([token]).isdigit()]]  # type: ignore[union-attr]
    expected = float(np.exp(logp[digits]).sum())
    for name in ("constrained", "masked"):
        base = sampling_of(name, regex=r"\d+")
        one = Sampling(base.temperature, max_tokens=1, decode=base.decode)
        rows = list(engine.generate(requests(engine, one, 40)[:40]))
        weights = np.exp([row.meta["log_weight"] for row in rows])
        assert weights.mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("method", "sampling", "message"),
    [
        (recorded("beam"), Sampling(), "decoder 'beam' looks for the likeliest text"),
        (recorded("masked", regex="a"), Sampling(stop=("b",)), "decoder 'masked' ends where its constraint does"),
        (recorded("constrained", regex="a"), Sampling(0.0), "temperature 0 leaves it one token"),
        (recorded("speculative", rule="optimal", drafts=2), Sampling(), "goes through all tuples of tokens"),
        (recorded("speculative", memory="prompt"), Sampling(top_k=3), "a cut could fall otherwise by rounding"),
        (recorded("speculative", drafter="layers", skip=[9]), Sampling(), "rollmill-tiny has no layer 9"),
        (
            recorded("speculative", drafter="lookahead", token=10**6),
            Sampling(),
            "option 'token' is 1000000, and must be below",
        ),
    ],
)
def test_a_sampling_that_cannot_be_decoded_is_refused(
    method: RecordedMethod, sampling: Sampling, message: str, engine: Embedded
) -> None:
    with pytest.raises(SetupError, match=message):
        list(engine.generate(requests(engine, replace(sampling, decode=method))))


@pytest.mark.parametrize(
    ("rule", "drafts", "most"),
    [("weighted", 3, 50), ("weighted", 6, 5), ("optimal", 1, 7), ("optimal", 4, 7), ("optimal", 6, 5), ("optimal", 19, 1)],
)
def test_a_rule_of_tuples_takes_as_many_tokens_as_their_limit_allows(rule: str, drafts: int, most: int) -> None:
    decoder = DECODERS["speculative"](rule=rule, drafts=drafts)
    decoder.check(Sampling(top_k=most))
    with pytest.raises(SetupError, match=f"{drafts} drafts .* top_k is {most + 1}"):
        decoder.check(Sampling(top_k=most + 1))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("speculative", {"rule": "singel"}, "option 'rule' is 'singel'"),
        ("speculative", {"drafts": 2}, "option 'drafts' is 2, and must be 1 under rule coupled"),
        ("speculative", {"rule": "weighted", "drafts": 20}, "option 'drafts' is 20, and must be 19 at most"),
        ("speculative", {"rule": "single", "memory": "prompt"}, "must be text unless the rule is coupled"),
        ("constrained", {}, "has one of regex and grammar"),
        ("constrained", {"grammar": {"T": [["a"]]}}, "no rule for its start"),
        ("masked", {"regex": "("}, r"regular expression '\('"),
        ("beam", {"width": 0}, "option 'width' is 0"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        DECODERS[name](**options)


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        {"rule": "optimal", "drafts": 2},
        {"rule": "optimal_distinct", "drafts": 2},
        {"rule": "weighted", "drafts": 2},
        {"rule": "recursive", "drafts": 3, "drafter": "layers", "skip": [2]},
        {"rule": "k_seq", "drafts": 3},
        {"rule": "multi_round", "drafts": 3, "drafter": "layers"},
    ],
    ids=lambda options: str(options["rule"]),
)
def test_every_rule_decodes_under_a_cut(options: dict[str, Any], engine: Embedded) -> None:
    sampling = Sampling(top_k=4, max_tokens=12, decode=recorded("speculative", **options))
    rows = list(engine.generate(requests(engine, sampling)))
    assert all(row.meta["decode"]["target_calls"] <= (row.tokens_out or 0) for row in rows)
    assert {row.finish_reason for row in rows} <= {"stop", "length"}
