"""The picture of a loop's rounds: a point and an interval for each, in the places of their values."""

import xml.etree.ElementTree as ET
from typing import Any

from benchmarks.verifiers.proof_rounds import picture


def row(one: float, many: float) -> dict[str, Any]:
    figures = {"pass@1": one, "pass@k": many}
    return {
        **figures,
        **{f"{name} low": value - 0.1 for name, value in figures.items()},
        **{f"{name} high": value + 0.1 for name, value in figures.items()},
    }


def test_each_round_has_a_point_and_an_interval() -> None:
    outcome = {"before": {"problems": 80, "k": 4, **row(0.2, 0.5)}, "rounds": [row(0.4, 0.6), row(0.9, 0.9)]}
    root = ET.fromstring(picture(outcome))
    name = "{http://www.w3.org/2000/svg}"
    heights = [float(circle.get("cy", "")) for circle in root.iter(f"{name}circle")]
    assert len(heights) == 6
    assert heights[0] > heights[1] > heights[2]
    assert heights[2] == heights[5]
    texts = [text.text for text in root.iter(f"{name}text")]
    assert {"pass@1", "pass@4", "round", "0", "1", "2", "0.00", "1.00"} <= set(texts)
    assert root.get("aria-label") == "pass@1 and pass@4 after each round on 80 unseen theorems"
