"""What names of a recipe stand for: options that may be files of the workspace."""

from pathlib import Path

import pytest

from flows.run_spec import placed_options


def test_what_is_a_file_of_the_workspace_gets_its_place(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    assert placed_options({"chat_template": "chat.jinja", "model": "org/name", "top_k": 3}, tmp_path) == {
        "chat_template": str(tmp_path / "chat.jinja"),
        "model": "org/name",
        "top_k": 3,
    }


@pytest.mark.parametrize(
    "text",
    ["{{ messages }}", "{{ " + "x" * 300 + " }}</s>", "x" * 5_000, "{{ a }}\0"],
    ids=["short", "slash", "long", "nul"],
)
def test_a_chat_template_may_be_given_as_text(tmp_path: Path, text: str) -> None:
    assert placed_options({"chat_template": text}, tmp_path) == {"chat_template": text}
