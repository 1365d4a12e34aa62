"""The page of the command line: every verb with its arguments and options, as `--help` prints them."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from docs.generate.tables import table
from rollmill.flows import cli
from rollmill.flows.cli.operate.command_list import FURTHER_TITLE, PANELS, further

EVERYWHERE = frozenset({"json", "dry_run", "help"})
"""Options of most verbs, described once."""


def page() -> str:
    """The whole page."""
    program: Any = get_command(cli.build())
    parts = [
        "# Command line",
        "Every verb of `rollmill`, as `rollmill VERB --help` prints it; `rollmill help all` lists them. "
        "With `--json` a verb prints JSON for a program. "
        "With `--dry-run` it says what it would do and writes nothing. Exit status: 0 for done, 1 where a check or a limit "
        "said no, 2 for a mistake, which the message explains.",
    ]
    for panel, verbs in {**PANELS, FURTHER_TITLE: further(program.commands)}.items():
        parts.append(f"## {panel}")
        for verb in verbs:
            for path, command in _commands(program.commands[verb], (verb,)):
                parts += [f"### rollmill {' '.join(path)}", *_described(path, command)]
    return "\n\n".join(parts) + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A verb, or every command of a group."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from _commands(child, (*path, name))


def _described(path: tuple[str, ...], command: Any) -> Iterator[str]:
    """Help text, usage, example and options of a verb."""
    help_text, _, example = inspect.cleandoc(command.help or "").partition("Example:")
    yield "\n\n".join(" ".join(paragraph.split()) for paragraph in help_text.strip().split("\n\n"))
    context = typer.Context(command, info_name=f"rollmill {' '.join(path)}")
    usage = " ".join([str(context.info_name), *command.collect_usage_pieces(context)])
    examples = "\n".join(" ".join(paragraph.split()) for paragraph in example.strip().split("\n\n"))
    yield f"```text\n{usage}\n\n{examples}\n```"
    records = {parameter.name: parameter.get_help_record(context) for parameter in command.params if not parameter.hidden}
    rows = [[f"`{record[0]}`", record[1]] for name, record in records.items() if name not in EVERYWHERE and record]
    if rows:
        yield table(["argument or option", "meaning"], rows)
    shared = [f"`--{name.replace('_', '-')}`" for name in ("dry_run", "json") if name in records]
    if shared:
        yield f"Also: {', '.join(shared)}."
