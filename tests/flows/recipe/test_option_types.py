"""Every option of every method in a registry, given values of kinds that it cannot be: a SetupError, and no other error.

Of 3,523 such recipes 159 once ended in a traceback, and 787 in words of Python that named neither option nor value.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.methods import SOURCE, parameters, resolve
from rollmill.flows.recipe.option_types import words_for
from rollmill.ground.errors import SetupError
from rollmill.roles.registries import REGISTRIES, registry

WRONG: tuple[Any, ...] = (3, "x", [], {"a": 1}, None, True, -1, math.nan, 10**12, [None])
NEEDED = {"of": "vote.score", "least": 1, "model": "models/rollmill-tiny"}  # what a method cannot be without
LOADS = ("vllm", "embedded")  # engines that look for something on this machine


def wrong_options(role: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Methods of a role, each with one option that may be wrong and those that it cannot be without."""
    for name, cls in registry(role).items():
        known = parameters(cls)
        needed = {key: NEEDED.get(key, "x") for key, p in known.items() if p.default is p.empty and key != SOURCE}
        source = {"from": "x"} if SOURCE in known else {}
        for option in () if name in LOADS else known:
            for value in WRONG:
                yield name, {**needed, **source, option: value}, option


@pytest.mark.parametrize("role", list(REGISTRIES))
def test_whatever_an_option_is_the_answer_is_a_setup_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.chdir(tmp_path)
    messages = []
    for name, options, option in wrong_options(role):
        try:
            method = resolve(role, name, options, base=tmp_path)
            if not method.takes_source:
                built = method.build()
                getattr(built, "close", list)()
        except SetupError as error:
            messages.append((name, option, options[option], error.message))
    assert len(messages) > 10
    python = ("object is not", "unhashable", "not supported", "unexpected keyword")
    assert not [message for message in messages if any(words in message[-1] for words in python)]


@pytest.mark.parametrize(
    ("role", "name", "options", "told"),
    [
        ("synthesizer", "templates", {"levels": 9}, "option 'levels' is 9, and must be a list of whole numbers"),
        ("verifier", "votes", {"of": ["a"], "least": 1}, "option 'of' is ['a'], and must be a text"),
        ("verifier", "code", {"sandbox": "noen"}, "option 'sandbox' is 'noen'."),
        ("scorer", "p_true", {"positive": True}, "option 'positive' is True, and must be a text, in quotes"),
        ("engine", "openai", {"extra": "x"}, "option 'extra' is 'x', and must be a mapping"),
        ("search policy", "beam", {"width": math.inf}, "option 'width' is inf, and must be a whole number that is finite"),
        (
            "set method",
            "constrained",
            {"weights": {"a": math.nan}},
            "option 'weights' is {'a': nan}, and must be a mapping, with finite",
        ),
        (
            "set method",
            "temperature",
            {"temperatures": [1.0, math.inf]},
            "must be a list of numbers, with finite numbers alone",
        ),
        (
            "allocator",
            "mastering",
            {"before": {2: [1]}},
            "option 'before' is {2: [1]}, and must be a mapping, texts in quotes",
        ),
        ("allocator", "mastering", {"before": {2: ["1"]}}, "and must be a mapping, texts in quotes"),
        ("allocator", "mastering", {"before": {"b": [1]}}, "and must be a mapping, texts in quotes"),
        ("budget", "passuntil", {"passes": 0}, "option 'passes' is 0, and must be a whole number of at least 1"),
        ("verifier", "judge", {"engine_options": {"tokens": 3}}, "unknown option 'tokens' of engine 'embedded'"),
    ],
)
def test_the_option_is_named_with_what_it_must_be(
    tmp_path: Path, role: str, name: str, options: Mapping[str, Any], told: str
) -> None:
    with pytest.raises(SetupError) as caught:
        resolve(role, name, options, base=tmp_path).build()
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int | None, "a whole number or null"),
        (Sequence[str], "a list of texts"),
        (tuple[float, ...] | None, "a list of numbers or null"),
        (Mapping[str, int], "a mapping"),
        (bool, "true or false"),
    ],
)
def test_words_for_a_type(annotation: Any, words: str) -> None:
    assert words_for(annotation) == words
