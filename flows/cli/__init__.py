"""The command line `rollmill`: its verbs, and what a mistake, a "no" and Ctrl-C look like.

A verb is one module here with `register(app)`; heavy imports happen inside the verbs so that --help is quick.
"""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.output import note
from flows.cli.program import group, version_line
from storage.errors import FoundWanting, RollmillError, SetupError, interrupted

VERBS = {
    "init": "init",
    "synthesize": "synthesize",
    "import": "import_",
    "plan": "plan",
    "curate": "curate",
    "select": "select",
    "reverify": "reverify",
    "audit": "audit",
    "review": "review",
    "train": "train",
    "recipe": "recipe",
    "runs": "runs",
    "dataset": "dataset",
    "schedule": "schedule",
    "up": "up",
    "down": "down",
    "dashboard": "dashboard",
    "gc": "gc",
    "certify": "certify",
    "doctor": "doctor",
}


def build(verb: str | None = None) -> typer.Typer:
    """The program with every verb registered, or with the one that is asked for: a verb's module costs its imports."""
    app = group("rollmill", "", completion=True)
    app.callback()(_everywhere)
    for module in [VERBS[verb]] if verb in VERBS else VERBS.values():
        importlib.import_module(f"flows.cli.{module}").register(app)
    return app


def _verb(arguments: Sequence[str]) -> str | None:
    """The first word that is no option and no option's value."""
    words = iter(arguments)
    for word in words:
        if word in ("-C", "--directory"):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version_line())
        raise typer.Exit


def _everywhere(
    folder: Annotated[Path | None, typer.Option("--directory", "-C", help="Work as if started in this folder.")] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit, and exit.")
    ] = False,
) -> None:
    """Model rollouts into versioned datasets: synthesis, generation, verification, selection, publication."""
    if folder is not None:
        if not folder.is_dir():
            raise SetupError(f"no folder {folder}.", next_command=f"rollmill init {folder}")
        os.chdir(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 found wanting, 2 misuse, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the program and give its exit status; only a bug of ours raises."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same orderly end as Ctrl-C
    try:
        # A verb that has nothing to say returns None.
        program = typer.main.get_command(build(_verb(arguments)))
        return int(program.main(list(arguments), "rollmill", standalone_mode=False) or 0)
    except SetupError as error:
        return _say(error, 2)
    except FoundWanting as error:
        return _say(error, 1)
    except RollmillError as error:
        return _say(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left, `| head` for one
        return 1
    except OSError as error:
        return _refused(error)
    except Exception as error:
        if interrupted(error):
            return 130
        if not hasattr(error, "format_message"):
            raise
        return _misuse(error)


def _say(error: Exception, status: int) -> int:
    note(f"rollmill: {' '.join(str(error).split())}" if status == 2 else f"rollmill: {error}")
    return status


def _misuse(error: Exception) -> int:
    """What the argument parser found wrong: one line, or the help when nothing was asked."""
    text = getattr(error, "format_message")()  # noqa: B009
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(text)
        return 2
    path = context.command_path if context is not None else "rollmill"
    typer.echo(f"rollmill: {text} Next: {path} --help", err=True)
    return 2


def _refused(error: OSError) -> int:
    """A full disk or a read-only place in one line; any other refusal of the system is a bug of ours."""
    from storage.faults import explained

    try:
        with explained(error.filename or "here"):
            raise error
    except SetupError as mended:
        return _say(mended, 2)
