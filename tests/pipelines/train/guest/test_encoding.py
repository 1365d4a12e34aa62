"""Rows as tokens through transformers: the shipped template gives the embedded engine's tokens; traps are refused."""

from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message
from rollmill.pipelines.generate.embedded.model_files import END
from rollmill.pipelines.train.guest.encoding import _Plain, _Templated, check_template, encode_for
from rollmill.pipelines.train.rows import encoding
from tests.pipelines.train.student_files import SHIPPED

pytestmark = pytest.mark.train
PROMPT, ANSWER = "What is 4 plus 3?", "4 + 3 = 7\n#### 7"


@pytest.fixture
def tokenizer() -> Any:
    transformers = pytest.importorskip("transformers", reason="the interpreter has no transformers")
    return transformers.AutoTokenizer.from_pretrained(SHIPPED)


def test_the_template_of_the_shipped_model_gives_the_engines_tokens(tokenizer: Any) -> None:
    ours = encoding(tokenizer.backend_tokenizer)
    begun = (Message("user", PROMPT), Message("assistant", "3 + 4 = 7\n", kind="prefix"))
    for prompt in (PROMPT, (Message("system", "Be brief."), Message("user", PROMPT)), begun):
        for wrong in ([], [[0, 9]]):
            assert _Templated(tokenizer)(prompt, ANSWER, wrong) == ours(prompt, ANSWER, wrong)
            assert encode_for(tokenizer)(prompt, ANSWER, wrong) == ours(prompt, ANSWER, wrong)
    check_template(tokenizer, [(PROMPT, ANSWER)] * 20 + [(begun, ANSWER)])


def test_without_a_template_the_texts_follow_one_another(tokenizer: Any) -> None:
    ids, trained = _Plain(tokenizer)(PROMPT, ANSWER, [])
    assert ids[-1] == tokenizer.convert_tokens_to_ids(END)
    assert trained == list(range(trained[0], len(ids)))
    assert tokenizer.decode(ids[: trained[0]]) == tokenizer.decode(tokenizer(PROMPT, add_special_tokens=False)["input_ids"])


def test_traps_of_templates_are_refused(tokenizer: Any) -> None:
    shipped = tokenizer.chat_template
    tokenizer.chat_template = shipped.replace("'<|end|>'", "''")
    with pytest.raises(SetupError, match=r"leaves the end token <\|end\|> out of an answer"):
        _Templated(tokenizer)(PROMPT, ANSWER, [])
    with pytest.raises(SetupError, match="row 1: the folder's chat template gives other tokens"):
        check_template(tokenizer, [(PROMPT, ANSWER)])
    tokenizer.chat_template = shipped.replace("{% if add_generation_prompt %}", "{% if add_generation_prompt %}{{ ' ' }}")
    with pytest.raises(SetupError, match="renders a prompt otherwise before an answer than alone"):
        _Templated(tokenizer)(PROMPT, ANSWER, [])
    tokenizer.chat_template = shipped.replace("message['content']", "message['content'].upper()")
    with pytest.raises(SetupError, match="the chat template changes an answer that has wrong spans"):
        _Templated(tokenizer)(PROMPT, "so 7", [[0, 1]])
