"""Tokens of chat formats are recognised by family, and a text without any comes out as it is."""

import pytest

from rollmill.ground.replies.special_tokens import FAMILIES, without_special_tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_of_a_family_goes(family: str) -> None:
    ends, begins = FAMILIES[family]
    assert [without_special_tokens(f"It is 4.\n{end}\nuser\nAnd 2 + 3?") for end in ends] == ["It is 4."] * len(ends)
    assert [without_special_tokens(f"{begin}assistant\nIt is 4.") for begin in begins] == ["It is 4."] * len(begins)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<|start_header_id|>assistant<|end_header_id|>\n\nIt is 4.<|eot_id|>", "It is 4."),
        ("So 2 + 2.\n</think>\n\nIt is 4.", "So 2 + 2.\n\n\nIt is 4."),
        ("<think>\nSo 2 + 2", "So 2 + 2"),
        ("<think>So</think>\nIt is 4.", "<think>So</think>\nIt is 4."),
        ("I think it is 4, model <|x|>", "I think it is 4, model <|x|>"),
        ("The <s>old</s> price is 4 </s>", "The <s>old</s> price is 4 </s>"),
        ("Use `[INST]` in a prompt.", "Use `[INST]` in a prompt."),
        ("  It is 4.\n", "  It is 4.\n"),
        ("", ""),
    ],
)
def test_what_is_left_of_a_text(text: str, rest: str) -> None:
    assert without_special_tokens(text) == rest
