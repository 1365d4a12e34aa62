"""Progress of a curation on standard error: bars on a terminal, the log of its stages elsewhere."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rollmill.flows.cli import logs
from rollmill.flows.cli.output import notes_through
from rollmill.flows.cli.terminal import escaped, raw, with_styles
from rollmill.flows.progress import LOG, Stage

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def watching() -> Iterator[Callable[[Stage], None] | None]:
    """A listener for stages that draws bars on a terminal; elsewhere their log is printed. Both end with the block."""
    if sys.stderr.isatty() and not logs.as_json():
        bars = Bars()
        with bars.shown, notes_through(bars.say):
            yield bars
    else:
        with logs.printed():
            yield None


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
        for text in () if LOG.isEnabledFor(logging.INFO) else stage.detail.get("lines", ()):
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
