"""Chat templates of a model folder that came from elsewhere: they run in a worker, without Python, with limits."""

import json
import os
import time
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.prompts import messages_of
from rollmill.pipelines.generate.vllm.model_folder import ChatTemplate

pytestmark = pytest.mark.security
ESCAPES = (
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.system('touch @') }}",
    "{{ messages.append.__self__.__class__.__base__.__subclasses__() }}",
    "{{ ''['__cla' ~ 'ss__'].__mro__ }}",
    "{{ (''|attr('format_map'))({}) ~ ('{0.__class__.__init__.__globals__}'.format(namespace)) }}",
    "{% set n = namespace() %}{{ n.__init__.__globals__['os'].system('touch @') }}",
    "{{ raise_exception.__globals__['json'].codecs.builtins.exec('1') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os.system('touch @') }}",
)
FLOODS = (
    "{{ 'a' * 10**10 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set n = namespace(x='aaaaaaaaaa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "{{ 9 ** 999999999 }}",
    "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{{ 'a'.center(10**8) ~ 'a'.center(10**8) }}",
)


@pytest.mark.parametrize("text", ESCAPES)
def test_a_template_reaches_no_python(tmp_path: Path, text: str) -> None:
    template = ChatTemplate(text.replace("@", str(tmp_path / "touched")), {}, "a model")
    with pytest.raises(SetupError, match="refuses messages of user"):
        template.render(messages_of("Hi", None), {})
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("text", FLOODS)
def test_a_template_that_never_ends_or_fills_the_memory_is_refused_after_seconds(text: str) -> None:
    began, before = time.monotonic(), os.times().user
    with pytest.raises(SetupError, match=r"(does not finish|refuses messages|is not a template)"):
        ChatTemplate(text, {}, "a model").render(messages_of("Hi", None), {})
    assert time.monotonic() - began < 180
    assert os.times().user - before < 5  # nothing of it was evaluated here


def test_the_template_of_a_folder_is_evaluated_by_no_process_of_ours(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ 'a' * 10**10 }}"}))
    began = time.monotonic()
    ChatTemplate.of(tmp_path, None)  # constants are folded as a template is compiled
    assert time.monotonic() - began < 5


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(SetupError, match="refuses messages of user: what it writes is no UTF-8"):
        ChatTemplate("{{ '\\ud800' }}", {}, "a model").render(messages_of("Hi", None), {})


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(SetupError, match="is not a template"):
        ChatTemplate("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", {}, "a model")
