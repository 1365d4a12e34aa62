"""Problems that a model writes: shares come out as declared, nothing is believed unread, copies are refused."""

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.written.attributes import Attributes, dealt, shares_of
from rollmill.pipelines.synthesize.derived.written.self_instruct import SelfInstruct
from rollmill.pipelines.synthesize.derived.written.writing import WriterModel, fields_of, schema_of
from rollmill.pipelines.synthesize.sources import Source
from tests.pipelines.synthesize.derived.writers import Author, Authors, written

PROBLEMS = tuple(SYNTHESIZERS["templates"](levels=(1, 2)).synthesize(40, 3))
SOURCE = Source("toy@v1", "0" * 64, PROBLEMS)
MODELS: dict[str, Any] = {"writer": {"model": "author"}, "solver": {"model": "author"}, "votes": 2}
TOPICS = {"topic": {"money": 0.5, "time": 0.3, "mixtures": 0.2}, "persona": ["a baker", "a nurse"]}
ASK = "A problem on {topic} for {persona}."


def instructed(author: Author, budget: int = 20, source: Source = SOURCE, **options: Any) -> list[Problem]:
    maker = SelfInstruct(source=source, samplers=Authors({"author": author}), **{**MODELS, **options})
    return list(maker.synthesize(budget, 1))


def by_attributes(author: Author, **options: Any) -> Attributes:
    given = {"attributes": TOPICS, "ask": ASK, **MODELS, **options}
    return Attributes(samplers=Authors({"author": author}), **given)


def test_new_problems_come_after_examples_and_say_which() -> None:
    author = Author(say=written)
    made = instructed(author)
    assert len({problem.prompt_id for problem in made}) == 20
    ids = {problem.id for problem in (*PROBLEMS, *made)}
    for problem in made:
        assert problem.meta["made"]["reference"] == "round_trip"
        assert set(problem.meta["made"]["sources"]) <= ids
        assert (problem.kind, problem.source, problem.licence) == ("number", "self_instruct", "Apache-2.0")
    asked = [prompt for prompt in author.asked if "JSON" in prompt]
    assert all(prompt.count("\nAnswer: ") == 4 for prompt in asked)


def test_only_problems_that_may_be_learned_from_are_shown() -> None:
    """Trap: a benchmark's problems as examples come back as training data."""
    secret = Problem("How many secrets does the benchmark hold?", "42", split="test", skill="sums")
    author = Author(say=written)
    made = instructed(author, source=Source("toy@v1", "0" * 64, (*PROBLEMS, secret)))
    assert {problem.split for problem in made} == {"train"}
    assert not any("secrets" in prompt for prompt in author.asked)
    with pytest.raises(SetupError, match="no problems of split 'dev'"):
        instructed(author, split="dev")


def test_repeated_source_problems_and_near_copies_are_refused() -> None:
    def repeats(prompt: str, index: int) -> str:
        if "JSON" not in prompt:
            return written(prompt, index)
        return json.dumps({"problem": PROBLEMS[index % 40].prompt, "answer": "1"})

    maker = SelfInstruct(source=SOURCE, samplers=Authors({"author": Author(say=repeats)}), **MODELS)
    assert list(maker.synthesize(20, 1)) == []
    assert set(maker.refused) == {"copy", "no_reference"}
    assert maker.refused["copy"] == 60  # three rounds without one, and it gives up


def test_a_stated_answer_that_is_not_found_again_makes_no_problem() -> None:
    wrong = Author(say=lambda prompt, index: written(prompt, index, wrong=True))
    assert instructed(wrong) == []
    assert len(instructed(wrong, reference="majority")) == 20
    with pytest.raises(SetupError, match="no reference can be carried"):
        instructed(wrong, reference="carried")


def test_what_is_no_json_is_unread() -> None:
    assert fields_of('Sure! {"problem": "A", "answer": 7}', ("problem", "answer")) == {"problem": "A", "answer": "7"}
    for text in (
        None,
        "",
        "no",
        '{"problem": "A"}',
        '{"problem": "", "answer": "7"}',
        '{"problem": ["A"], "answer": "7"}',
        "[1]",
    ):
        assert fields_of(text, ("problem", "answer")) is None


def test_engines_that_can_be_held_to_a_schema_are() -> None:
    schema = schema_of(("problem", "answer"))
    form = WriterModel("openai", "m", {"extra": {"top_k": 3}}).held_to(schema)["extra"]
    assert form["response_format"]["json_schema"]["schema"] == schema
    assert form["top_k"] == 3
    assert WriterModel("vllm", "m").held_to(schema) == {"guided": {"json": schema}}
    assert WriterModel("embedded", "m").held_to(schema) == {}
    assert WriterModel("vllm", "m", {"guided": {"regex": "x"}}).held_to(schema) == {"guided": {"regex": "x"}}


def test_shares_of_what_is_accepted_are_those_declared() -> None:
    maker = by_attributes(Author(say=written))
    made = list(maker.synthesize(100, 1))
    assert Counter(problem.meta["made"]["attributes"]["topic"] for problem in made) == {
        "money": 50,
        "time": 30,
        "mixtures": 20,
    }
    assert Counter(problem.meta["made"]["attributes"]["persona"] for problem in made) == {"a baker": 50, "a nurse": 50}
    assert maker.discrepancy == {"topic": 0.0, "persona": 0.0}


def test_what_the_writer_spoils_is_asked_for_again_and_beats_one_shot() -> None:
    """LLMSynthor's loop: two of three texts on one topic are no JSON; asked once, its share would be a third of its own."""

    def spoils(prompt: str, index: int) -> str:
        return "no idea" if "mixtures" in prompt and "JSON" in prompt and index % 3 else written(prompt, index)

    once = by_attributes(Author(say=spoils))
    next(once.synthesize(32, 1))
    one_shot = once.discrepancy["topic"]
    maker = by_attributes(Author(say=spoils))
    made = list(maker.synthesize(32, 1))
    assert len(made) == 32
    assert maker.discrepancy["topic"] <= 0.03
    assert one_shot > maker.discrepancy["topic"]
    assert maker.refused["unread"] > 3


def test_a_value_that_the_writer_never_gives_ends_it_short_and_shows() -> None:
    def refuses(prompt: str, index: int) -> str:
        return "no" if "mixtures" in prompt and "JSON" in prompt else written(prompt, index)

    maker = by_attributes(Author(say=refuses))
    made = list(maker.synthesize(50, 1))
    assert len(made) == 40
    assert maker.discrepancy["topic"] == pytest.approx(0.2)


def test_attributes_are_dealt_independently() -> None:
    """Trap: values dealt in one order to two attributes always come in the same pairs."""
    shares = shares_of({"a": ["1", "2"], "b": ["x", "y"]})
    pairs = Counter((values["a"], values["b"]) for values in dealt(shares, [], 400, random.Random(1)))
    assert sum(pairs.values()) == 400
    assert min(pairs.values()) > 75


def test_an_attribute_that_depends_on_another_has_its_shares_under_each_value() -> None:
    given = {
        "topic": ["money", "time"],
        "detail": {"of": "topic", "values": {"money": ["coins"], "time": {"trains": 3, "clocks": 1}}},
    }
    shares = shares_of(given)
    pairs = Counter((values["topic"], values["detail"]) for values in dealt(shares, [], 80, random.Random(1)))
    assert pairs == {("money", "coins"): 40, ("time", "trains"): 30, ("time", "clocks"): 10}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "is empty"),
        ({"topic": []}, "has no values"),
        ({"topic": {"a": 0}}, "above 0"),
        ({"topic": ["a"], "x": {"of": "topc", "values": {}}}, "Did you mean 'topic'"),
        ({"topic": ["a"], "x": {"of": "topic", "values": {"b": ["c"]}}}, "no values for topic 'a'"),
        ({"topic": ["a"], "tone": ["b"]}, "ask has no {tone}"),
    ],
)
def test_what_declares_no_shares_is_said(attributes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=said.replace("{", r"\{").replace("}", r"\}")):
        Attributes(attributes=attributes, ask="{topic} {x}")


def test_half_a_character_in_a_models_json_can_be_stored() -> None:
    assert fields_of('{"a": "3 apples \\ud83d and \\ud83c\\udf4e"}', ["a"]) == {"a": "3 apples \ufffd and \U0001f34e"}


def test_an_infinite_share_is_refused() -> None:
    with pytest.raises(SetupError, match="a share is a number above 0"):
        shares_of({"a": {"x": float("inf"), "y": 1}})
