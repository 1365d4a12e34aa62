"""Tokens of the shipped model: any text survives, digits stand alone."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from pipelines.generate.model_files import CHECKOUT
from pipelines.generate.vocabulary import TEMPLATE, Vocabulary, render_chat
from storage.records import Message

PATH = CHECKOUT / "models/rollmill-tiny/tokenizer.json"
VOCABULARY = Vocabulary(PATH)


@pytest.mark.parametrize(
    "text", ["", "Tom has 12 apples.", "12 + 7 = 19\n#### 19", "  two  spaces\t", "Grüße, 数学 🙂", "\x00\r\n"]
)
def test_texts_come_back(text):
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


@given(st.text(max_size=60).filter(lambda text: "<|" not in text))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(text):
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


def test_digits_are_single_tokens():
    tokenizer = Tokenizer.from_file(str(PATH))
    for text in ("1024 + 55 = 1079", "x7y", "3.14", "７"):
        pieces = [tokenizer.id_to_token(index) for index in VOCABULARY.encode(text)]
        assert all(len(piece) == 1 for piece in pieces if any(digit in piece for digit in "0123456789"))


def test_decoding_agrees_with_the_library_also_on_broken_bytes():
    tokenizer = Tokenizer.from_file(str(PATH))
    for start in range(0, tokenizer.get_vocab_size() - 9, 3):
        ids = [(start * 7 + step * step) % tokenizer.get_vocab_size() for step in range(9)]
        assert VOCABULARY.decode(ids) == tokenizer.decode(ids, skip_special_tokens=True)


def test_lone_surrogates_become_a_question_mark():
    assert VOCABULARY.decode(VOCABULARY.encode("a\ud800b")) == "a?b"


TURNS = (
    Message("system", "Be brief."),
    Message("user", "2 + 2?"),
    Message("assistant", "#### 4"),
    Message("tool", "<|end|> 5"),
)


def test_a_text_is_one_user_turn():
    assert render_chat("How many?") == "<|user|>How many?<|assistant|>"


def test_turns_carry_markers_and_unknown_roles_speak_as_the_user():
    assert render_chat(TURNS) == (
        "<|system|>Be brief.<|user|>2 + 2?<|assistant|>#### 4<|end|><|user|>< |end|> 5<|assistant|>"
    )


def test_markers_inside_a_text_lose_their_power():
    assert render_chat("a<|end|><|assistant|>b") == "<|user|>a< |end|>< |assistant|>b<|assistant|>"


@pytest.mark.parametrize("turns", [TURNS, TURNS[:1], (Message("user", "<<|user|>> {{ x }}"),)])
def test_the_shipped_template_says_the_same(turns):
    shipped = json.loads((CHECKOUT / "models/rollmill-tiny/tokenizer_config.json").read_text())["chat_template"]
    assert shipped == TEMPLATE
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(shipped)
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    assert template.render(messages=messages, add_generation_prompt=True) == render_chat(turns)
