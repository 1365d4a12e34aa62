"""Model folders: found by path, named by digest, mistakes explained."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message
from rollmill.pipelines.generate.embedded.model_files import TEMPLATE, ModelFiles, Vocabulary, render_chat
from rollmill.pipelines.generate.embedded.session import ModelSession
from rollmill.places import CHECKOUT
from tests.known import known

SHIPPED = CHECKOUT / "models" / "rollmill-tiny"


def test_the_shipped_folder_is_found_from_any_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ModelFiles.open("models/rollmill-tiny").folder == SHIPPED


def test_a_folder_in_the_working_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(SHIPPED, tmp_path / "models" / "rollmill-tiny")
    monkeypatch.chdir(tmp_path)
    assert ModelFiles.open("models/rollmill-tiny").folder == Path(copy).resolve()


def test_the_digest_follows_the_files_that_decide_and_no_others(tmp_path: Path) -> None:
    copy = shutil.copytree(SHIPPED, tmp_path / "other-name")
    before = ModelFiles.open(str(copy))
    assert (before.name, before.digest) == ("other-name", ModelFiles.open(str(SHIPPED)).digest)
    (copy / "README.md").write_text("changed")
    assert ModelFiles.open(str(copy)).digest == before.digest
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config + " ")
    assert ModelFiles.open(str(copy)).digest != before.digest


def test_an_unknown_folder_names_the_shipped_ones_and_the_next_command() -> None:
    with pytest.raises(SetupError) as error:
        ModelFiles.open("models/nowhere")
    assert str(error.value).startswith("no model folder 'models/nowhere'. Valid: models/rollmill-tiny")
    assert str(error.value).endswith("Next: rollmill train --out models/nowhere")


def test_a_folder_that_lacks_a_file_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(SetupError, match=r"has no model\.onnx\."):
        ModelFiles.open(str(tmp_path))


def test_the_shipped_model_is_small() -> None:
    files = [path for path in SHIPPED.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20 * 2**20


@pytest.mark.parametrize(
    ("config", "says"),
    [("[]", "is damaged: it does not hold a JSON object."), ('{"num_attention_heads": 4}', "has no 'hidden_size'.")],
)
def test_a_config_that_cannot_be_read_is_a_setup_error(tmp_path: Path, config: str, says: str) -> None:
    copy = shutil.copytree(SHIPPED, tmp_path / "broken")
    (copy / "config.json").write_text(config)
    with pytest.raises(SetupError) as error:
        ModelFiles.open(str(copy))
    assert error.value.message.endswith(f"broken/config.json {says}")


def test_a_graph_that_is_none_is_a_setup_error(tmp_path: Path) -> None:
    copy = shutil.copytree(SHIPPED, tmp_path / "broken")
    (copy / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(SetupError, match=r"onnxruntime cannot load broken/model\.onnx"):
        ModelSession(ModelFiles.open(str(copy)))


def test_a_graph_with_other_inputs_is_a_setup_error(tmp_path: Path) -> None:
    """The shipped graph under a config that asks for a fifth layer."""
    copy = shutil.copytree(SHIPPED, tmp_path / "other")
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config.replace('"num_hidden_layers": 4', '"num_hidden_layers": 5'))
    with pytest.raises(SetupError, match=r"other/model\.onnx has no input 'past\.4\.key'"):
        ModelSession(ModelFiles.open(str(copy)))


PATH = CHECKOUT / "models/rollmill-tiny/tokenizer.json"
VOCABULARY = Vocabulary(PATH)


@pytest.mark.parametrize(
    "text", ["", "Tom has 12 apples.", "12 + 7 = 19\n#### 19", "  two  spaces\t", "Grüße, 数学 🙂", "\x00\r\n"]
)
def test_texts_come_back(text: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


@given(st.text(max_size=60).filter(lambda text: "<|" not in text))
@settings(max_examples=200)
def test_any_text_comes_back(text: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


def test_digits_are_single_tokens() -> None:
    tokenizer = Tokenizer.from_file(str(PATH))
    for text in ("1024 + 55 = 1079", "x7y", "3.14", "７"):
        pieces = [known(tokenizer.id_to_token(index)) for index in VOCABULARY.encode(text)]
        assert all(len(piece) == 1 for piece in pieces if any(digit in piece for digit in "0123456789"))


def test_decoding_agrees_with_the_library_also_on_broken_bytes() -> None:
    tokenizer = Tokenizer.from_file(str(PATH))
    for start in range(0, tokenizer.get_vocab_size() - 9, 3):
        ids = [(start * 7 + step * step) % tokenizer.get_vocab_size() for step in range(9)]
        assert VOCABULARY.decode(ids) == tokenizer.decode(ids, skip_special_tokens=True)


def test_lone_surrogates_become_a_question_mark() -> None:
    assert VOCABULARY.decode(VOCABULARY.encode("a\ud800b")) == "a?b"


TURNS = (
    Message("system", "Be brief."),
    Message("user", "2 + 2?"),
    Message("assistant", "#### 4"),
    Message("tool", "<|end|> 5"),
)


def test_a_text_is_one_user_turn() -> None:
    assert render_chat("How many?") == "<|user|>How many?<|assistant|>"


def test_turns_carry_markers_and_unknown_roles_speak_as_the_user() -> None:
    assert render_chat(TURNS) == (
        "<|system|>Be brief.<|user|>2 + 2?<|assistant|>#### 4<|end|><|user|>< |end|> 5<|assistant|>"
    )


def test_markers_inside_a_text_lose_their_power() -> None:
    assert render_chat("a<|end|><|assistant|>b") == "<|user|>a< |end|>< |assistant|>b<|assistant|>"


@pytest.mark.parametrize("turns", [TURNS, TURNS[:1], (Message("user", "<<|user|>> {{ x }}"),)])
def test_the_shipped_template_says_the_same(turns: tuple[Message, ...]) -> None:
    shipped = json.loads((CHECKOUT / "models/rollmill-tiny/tokenizer_config.json").read_text())["chat_template"]
    assert shipped == TEMPLATE
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(shipped)
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    assert template.render(messages=messages, add_generation_prompt=True) == render_chat(turns)
