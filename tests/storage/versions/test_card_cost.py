"""What the card says of tokens and of the forecast."""

from storage.versions.card import cost_section

COST = {"completions": 40, "tokens_in": 400, "tokens_out": 1600, "uncounted": 0, "kept": 8, "tokens_per_kept": 250.0}


def test_tokens_per_kept_row_stand_with_their_n() -> None:
    assert cost_section({"cost": COST}) == (
        "400 tokens in and 1,600 out over 40 completions, kept or not, whoever drew them: "
        "250.0 tokens per kept row (n = 8)."
    )


def test_nothing_kept_and_nothing_counted() -> None:
    none = {**COST, "kept": 0, "tokens_per_kept": None, "uncounted": 3}
    text = cost_section({"cost": none})
    assert text.endswith("no row is kept. 3 of them came without token counts and count as 0.")
    assert cost_section({}) == "Not counted when this version was made."


def test_a_forecast_stands_beside_what_came() -> None:
    row = {"median": 38.0, "low95": 30.0, "high95": 50.0, "actual": 40.0}
    forecast = {"source": "pilot", "inside95": 9, "inside80": 7, "n": 10, "totals": {"draws": row, "seconds": row}}
    lines = cost_section({"cost": COST, "forecast": forecast}).splitlines()
    assert lines[2] == (
        "A forecast from pilot was made before the run began; 9 of its 10 95% intervals held and 7 of the 80% ones, "
        "levels included."
    )
    assert lines[4:] == [
        "| forecast | median | 95% interval | came |",
        "|---|---|---|---|",
        "| completions | 38 | [30, 50] | 40 |",
    ]
