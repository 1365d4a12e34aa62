"""Cards of models: what is known of a training is said, and nothing else."""

from typing import Any

from rollmill.flows.training.model_card import lengths_of, model_card

TRAINED: dict[str, Any] = {"steps": 4, "tokens": 400, "epochs": 0.0, "seconds": 2.0, "record": {}}


def record(options: dict[str, Any], **trained: Any) -> dict[str, Any]:
    """The record of a training by a learner with these options."""
    plain = {"method": "sft", "options": {}}
    training = {"learner": {"method": "any", "options": options}, "loss": plain, "order": plain, "seed": 1}
    return {"data": [], "init": None, "training": training, "trained": {**TRAINED, **trained}}


def test_what_a_command_does_not_say_is_left_out() -> None:
    card = model_card("student", record({"command": "python t.py {data} {out}", "settings": None}))
    assert "| learner | any (command python t.py {data} {out}) |" in card
    assert "| steps | 4 |" in card
    assert "epochs" not in card
    assert "None" not in card
    silent = model_card("student", record({}, steps=0, tokens=0))
    assert "| steps" not in silent
    assert "trained tokens" not in silent
    assert "| seconds | 2 |" in silent


def test_lengths_that_were_not_asked_for_are_left_out_and_other_zeros_stay() -> None:
    card = model_card("student", record({"steps": 60, "epochs": 0.0, "loss_tokens": 0, "weight_decay": 0.0}, epochs=1.5))
    assert "| learner | any (steps 60, weight_decay 0.0) |" in card
    assert "| epochs | 1.50 |" in card


def test_known_lengths_keep_their_order() -> None:
    assert lengths_of({**TRAINED, "epochs": 0.25}) == {"steps": "4", "trained tokens": "400", "epochs": "0.25"}
