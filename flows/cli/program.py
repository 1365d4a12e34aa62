"""What every group of commands shares: how its help reads, `-h`, and the line that `--version` prints."""

import subprocess
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperGroup

from flows import CHECKOUT


class CommandList(TyperGroup):
    """A group whose help gives the first sentence of each command in full, over as many lines as it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(limit=1_000)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def group(name: str, help_text: str, *, completion: bool = False) -> typer.Typer:
    """A group of commands; asked for nothing, it prints its help. `completion` adds the options that set up a shell's."""
    return typer.Typer(
        name=name,
        help=help_text,
        cls=CommandList,
        no_args_is_help=True,
        add_completion=completion,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def version_line() -> str:
    """`rollmill 0.1.0 (4a98cfe)`: the version and the commit; `+changes` where files differ from that."""
    commit = _commit()
    return f"rollmill {version('rollmill')}" + (f" ({commit})" if commit else "")


def _commit() -> str:
    """What git says in a checkout, what was written into the wheel where this is one, else nothing."""
    if not (CHECKOUT / ".git").exists():
        written = CHECKOUT / "COMMIT"
        return written.read_text(encoding="utf-8") if written.is_file() else ""
    describe = ["git", "-C", str(CHECKOUT), "describe", "--always", "--exclude=*", "--dirty=+changes"]
    described = subprocess.run(describe, capture_output=True, text=True, check=False)
    return described.stdout.strip() if not described.returncode else ""
