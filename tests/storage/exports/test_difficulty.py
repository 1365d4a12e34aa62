"""Bounds of the pass rate, with the number of completions behind it, in every format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports import EXPORTS, export
from rollmill.storage.exports.origin import OUTSIDE, UNRATED
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.exports.conftest import drawn, lines, put

OF = {"sft": {}, "unpaired": {}, "pairs": {"unparsed": True}, "rl": {}, "prompts": {}, "thread": {}}


@pytest.mark.parametrize("fmt", OF)
def test_problems_outside_are_left_out_and_counted(
    ws: Workspace, snapshot: Callable[..., Snapshot], tmp_path: Path, fmt: str
) -> None:
    version = put(ws, drawn(snapshot()))
    rated = {row["level"]: row["pass_rate"] for row in lines(export(version, "prompts", tmp_path / "p.jsonl").path)}
    assert rated == {1: pytest.approx(2 / 3), 3: 0.5}
    options: dict[str, Any] = OF[fmt]
    written = export(version, fmt, tmp_path / "a.jsonl", least=0.6, most=0.7, **options)
    assert {row["level"] for row in lines(written.path)} == {1}
    assert fmt == "rl" or written.left_out[OUTSIDE] > 0
    few = export(version, fmt, tmp_path / "b.jsonl", least_judged=3, **options)
    assert {row["level"] for row in lines(few.path)} == {1}
    assert fmt == "rl" or few.left_out[UNRATED] > 0


@pytest.mark.parametrize("fmt", [*EXPORTS])
def test_every_format_takes_them(fmt: str) -> None:
    with pytest.raises(SetupError, match=r"least is 0.9 and most 0.1; they are pass rates, from 0 to 1"):
        EXPORTS[fmt](least=0.9, most=0.1)  # type: ignore[call-arg]
    with pytest.raises(SetupError, match="least_judged is -1"):
        EXPORTS[fmt](least_judged=-1)  # type: ignore[call-arg]
