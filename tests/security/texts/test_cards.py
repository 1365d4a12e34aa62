"""Cards of versions and models: names from elsewhere load no picture and make no link or tag where Markdown is shown."""

from typing import Any

import pytest

from rollmill.flows.training.model_card import model_card
from rollmill.storage.versions.content.card import cell

pytestmark = pytest.mark.security
HOSTILE = "mit ![x](http://evil.example/p.png) [l](http://evil.example) <img src=http://evil.example> | a\n\n# b"


def assert_inert(card: str) -> None:
    assert "evil.example" in card
    for active in ("](http", "<img", "\n# b", "<a "):
        assert active not in card


def test_a_cell_makes_nothing() -> None:
    assert_inert(cell(HOSTILE))


def test_the_card_of_a_model() -> None:
    """Licences are those of imported rows, and the base is a folder of any name."""
    data = {"version": "toy@v1", "content_hash": "a" * 64, "rows": 3, "licences": [HOSTILE]}
    method: dict[str, Any] = {"method": "sft", "options": {"x": HOSTILE}}
    record = {
        "init": {"model": HOSTILE, "content_hash": "b" * 64},
        "data": [data],
        "format": "sft",
        "training": {"learner": method, "loss": method, "order": method, "seed": 1, "reward": {"source": HOSTILE}},
        "trained": {"steps": 1, "tokens": 2, "epochs": 1.0, "seconds": 1.0, "record": {HOSTILE: HOSTILE}},
    }
    body = model_card("student", record).split("---\n", 2)[2]
    assert_inert(body)
    imported = {"data": [], "source": HOSTILE, "licence": HOSTILE}
    assert_inert(model_card("student", imported).split("---\n", 2)[2])
