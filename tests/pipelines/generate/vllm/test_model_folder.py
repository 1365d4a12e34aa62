"""Chat templates: the shipped model's own says what the embedded engine says; others behave as transformers has them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message
from rollmill.pipelines.generate.embedded.model_files import TEMPLATE, render_chat
from rollmill.pipelines.generate.prompts import messages_of
from rollmill.pipelines.generate.vllm.model_folder import ChatTemplate

SHIPPED = ChatTemplate.of(Path("models/rollmill-tiny").resolve(), None)
QWEN = (
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{{- '<|im_start|>assistant\\n' }}\n"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text()), min_size=1, max_size=4))
def test_the_shipped_template_renders_what_the_embedded_engine_renders(turns: list[tuple[str, str]]) -> None:
    prompt = tuple(Message(role, text) for role, text in turns)
    assert SHIPPED.render(messages_of(prompt, None), {}) == render_chat(prompt)


def test_the_shipped_folder_holds_our_template() -> None:
    assert json.loads(Path("models/rollmill-tiny/tokenizer_config.json").read_text())["chat_template"] == TEMPLATE
    assert SHIPPED.render(messages_of("1 + 1?", "Add."), {}) == "<|system|>Add.<|user|>1 + 1?<|assistant|>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = {"bos_token": {"content": "<s>", "lstrip": False}, "eos_token": "</s>", "chat_template": "{{ bos_token }}old"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path


def test_where_templates_lie_and_which_one_counts(folder: Path) -> None:
    assert ChatTemplate.of(folder, None).render([], {}) == "<s>old"
    (folder / "chat_template.json").write_text('{"chat_template": "newer{{ eos_token }}"}')
    assert ChatTemplate.of(folder, None).render([], {}) == "newer</s>"
    (folder / "chat_template.jinja").write_text("newest")
    assert ChatTemplate.of(folder, None).render([], {}) == "newest"
    own = ChatTemplate.of(folder, "{{ bos_token }}mine")
    assert (own.render([], {}), own.digest == ChatTemplate.of(folder, None).digest) == ("<s>mine", False)


def test_of_several_named_templates_the_default_counts(folder: Path) -> None:
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert ChatTemplate.of(folder, None).render([], {}) == "plain"


def test_a_thinking_switch_reaches_the_template() -> None:
    template = ChatTemplate(QWEN, {}, "qwen")
    begin = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert template.render(messages_of("Hi", None), {}) == begin
    assert template.render(messages_of("Hi", None), {"enable_thinking": False}) == begin + "<think>\n\n</think>\n\n"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ {'a': '<é>'} | tojson }}", '{"a": "<é>"}'),
        ("{% for n in [1, 2, 3] %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}", "1"),
        ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),
        ("{% if tools %}tools{% else %}none{% endif %}", "none"),
    ],
)
def test_what_templates_of_real_models_use(text: str, rendered: str) -> None:
    assert ChatTemplate(text, {}, "a model").render([], {}) == rendered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
            "messages of system, user: no system",
        ),
        ("{{ messages[0].nothing.more }}", "has no attribute"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for %}", "is not a template"),
    ],
)
def test_a_template_that_refuses_is_the_users_affair(text: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        ChatTemplate(text, {}, "a model").render(messages_of("Hi", "Add."), {})


def test_a_model_without_a_template_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no chat template") as told:
        ChatTemplate.of(tmp_path, None)
    assert "api: completions (a base model: the plain prompt)" in told.value.choices
