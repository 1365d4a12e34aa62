"""Progress of a curation on standard error: bars on a terminal, structured lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flows.cli.output import note, notes_through
from flows.cli.terminal import escaped, raw, with_styles
from flows.progress import Stage

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 10.0  # between two lines of a stage where no terminal shows bars


@contextmanager
def watching() -> Iterator[Callable[[Stage], None]]:
    """A listener for stages; its display is removed or complete when the block ends."""
    if not sys.stderr.isatty():
        yield LiveLines()
        return
    bars = Bars()
    with bars.shown, notes_through(bars.say):
        yield bars


class LiveLines:
    """A line when a stage ends, and every ten seconds while one lasts."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}  # when the line of a cell's stage was written
        self._written: dict[tuple[str, str], tuple[int, int]] = {}  # what it said

    def __call__(self, stage: Stage) -> None:
        """Write the stage's line, unless it is unchanged or was written recently, and messages that appear once."""
        with suppress(OSError):  # a reader that left, for example `2>&1 | head`, must not end the run
            if self._is_news(stage):
                note(describe(stage))
            for text in stage.detail.get("lines", ()):
                note(text)

    def _is_news(self, stage: Stage) -> bool:
        now, key = time.monotonic(), (stage.name, _cell(stage))
        last = self._last.setdefault(key, now)
        ended = stage.done == stage.total
        if self._written.get(key) == (stage.done, stage.total) or not (ended or now - last >= LINE_SECONDS):
            return False
        self._last[key], self._written[key] = now, (stage.done, stage.total)
        return True


def _cell(stage: Stage) -> str:
    """The cell of an evaluation that a stage is of, `benchmark=easy model=tiny`; nothing elsewhere."""
    return " ".join(f"{key}={stage.detail[key]}" for key in ("benchmark", "model") if key in stage.detail)


def describe(stage: Stage) -> str:
    """A stage as `stage=draw done=1024 total=3840 ...`."""
    parts = [f"stage={stage.name}", f"done={stage.done}", f"total={stage.total}", f"seconds={stage.seconds:.1f}"]
    if "round" in stage.detail:
        parts.insert(1, f"round={stage.detail['round']}")
    if cell := _cell(stage):
        parts.insert(0, cell)
    if "state" in stage.detail:
        parts.append(f"state={stage.detail['state']}")
    if stage.tokens:
        parts.append(f"tokens={stage.tokens}")
    if stage.name in ("draw", "verify") and (left := stage.left) is not None:
        parts.append(f"left={left.seconds:.0f}s")
    if stage.name == "verify" and stage.here:
        parts.append(f"correct={stage.correct / stage.here:.3f}")
    return " ".join(parts)


class Bars:
    """A bar for each stage that has begun: rows and tokens a second, share correct so far, time left of the whole run."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        console = Console(file=raw(sys.stderr))  # rich moves the cursor; its texts are escaped here
        self.shown: Progress = Progress(
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(bar_width=min(32, max(8, console.width - 72))),  # what the other columns leave
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn(
                "{task.fields[note]}",
                style="dim",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: Stage) -> None:
        """Move the stage's bar."""
        values: dict[str, Any] = {"completed": stage.done, "total": stage.total, "note": escaped(_note(stage))}
        if stage.name not in self._tasks:
            self._tasks[stage.name] = self.shown.add_task(stage.name, note="")
        self.shown.update(self._tasks[stage.name], **values)
        for text in stage.detail.get("lines", ()):
            self.say(text)

    def say(self, text: str) -> None:
        """A line above the bars."""
        from rich.text import Text

        self.shown.console.print(Text.from_ansi(with_styles(text)), soft_wrap=True)


def _note(stage: Stage) -> str:
    """Time left of the whole run, rates and the round, as far as known; a narrow terminal cuts the last ones."""
    parts = [f"{stage.detail[key]}" for key in ("benchmark", "model", "state", "said") if key in stage.detail]
    if stage.detail.get("waiting"):
        parts.append("waiting for another command's batch")
    if stage.name in ("draw", "verify") and stage.rate > 0:
        parts += [str(left)] if (left := stage.left) is not None and left.high >= 1 else []
        parts.append(f"{stage.rate:,.0f}/s")
        parts += [f"{stage.tokens / stage.seconds:,.0f} tokens/s"] if stage.tokens else []
        parts += [f"{stage.correct / stage.here:.0%} correct"] if stage.name == "verify" and stage.here else []
    parts += [f"round {stage.detail['round']}"] if "round" in stage.detail else []
    return " · ".join(parts)
