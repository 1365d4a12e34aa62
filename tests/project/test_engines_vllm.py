"""The three engines on the same problems: equivalent within a margin stated here, greedy texts equal, nothing reused.

Margin .05 on the mean pass rate, 180 problems of 16 completions each, templates as clusters.
"""

import pytest

from benchmarks.engines.engines import NAMES, SEED, compared, measured, running
from rollmill.pipelines.synthesize.templates import Templates

pytestmark = [pytest.mark.vllm, pytest.mark.long]
MARGIN = 0.05


@pytest.mark.timeout(2400)
def test_the_engines_are_equivalent() -> None:
    problems = list(Templates(split="train").synthesize(180, SEED))
    found = {}
    for name in NAMES:
        with running(name, eager=True) as engine:
            found[name] = measured(engine, problems, 16)
    rows = compared(found, problems, MARGIN)  # asserts that no id is shared
    assert [row["engines"] for row in rows] == [["embedded", "openai"], ["embedded", "vllm"], ["openai", "vllm"]]
    assert [(row["verdict"], row["same_greedy_text"] >= 0.98) for row in rows] == [("equivalent", True)] * 3, rows
