"""The command line `rollmill`: its verbs, and what a mistake, a "no" and Ctrl-C look like.

A verb is one module here with `register(app)`; heavy imports happen inside the verbs so that --help is quick.
"""

import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.output import never_silent, note
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


def _typed(program: Any, arguments: Sequence[str]) -> str:
    """The command that was called, `rollmill runs show` for one, without its arguments."""
    named = ["rollmill"]
    for word in arguments:
        if word in getattr(program, "commands", {}):
            program = program.commands[word]
            named.append(word)
    return " ".join(named)


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
    verb = _verb(arguments)
    program = typer.main.get_command(build(verb))
    try:
        with never_silent(f"rollmill {verb or ''}: loading what it needs"):
            # A verb that has nothing to say returns None.
            return int(program.main(list(arguments), "rollmill", standalone_mode=False) or 0)
    except SetupError as error:
        next_command = error.next_command or f"{_typed(program, arguments)} --help"
        return _say(SetupError(error.message, choices=error.choices, next_command=next_command), 2)
    except FoundWanting as error:
        return _say(error, 1)
    except RollmillError as error:
        return _say(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left, `| head` for one
        return 1
    except OSError as error:
        return _refused(error, arguments)
    except Exception as error:
        if interrupted(error):
            return 130
        if hasattr(error, "format_message"):
            return _misuse(error)
        raised = _in_users_file(error)
        if raised is None:
            raise
        return _say(raised, 2)


def _in_users_file(error: Exception) -> SetupError | None:
    """The mistake of a method in a user's own file, where the error comes from there: its line says more than ours."""
    from pipelines.user_code import MODULES

    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(MODULES)]
    if not own:
        return None
    frame, number = own[-1]
    where = f"{Path(frame.f_code.co_filename).name}, line {number}, in {frame.f_code.co_name}"
    said = f"{where}: {type(error).__name__}: {error}"[:500]
    return SetupError(f"{said}.", next_command="mend it and run the same command again; what was drawn is kept")


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
    stop = "" if text.endswith((".", "?")) else "."
    typer.echo(f"rollmill: {text}{stop} Next: {path} --help", err=True)
    return 2


def _refused(error: OSError, arguments: Sequence[str]) -> int:
    """A full disk, a read-only place or a path of the call's own in one line; any other refusal is a bug of ours."""
    from storage.errors import explained

    try:
        with explained(error.filename or "here"):
            raise error
    except SetupError as mended:
        return _say(mended, 2)
    except OSError:
        if not _named(error, arguments):
            raise
        refused = f"cannot use {error.filename}: {str(error.strerror).lower()}."
        return _say(SetupError(refused, next_command="name another path"), 2)


def _named(error: OSError, arguments: Sequence[str]) -> bool:
    """Whether a refusal is about a path that the call names: itself, one that leads to it, or what cannot be in it."""
    if not isinstance(error.filename, str | os.PathLike):
        return False
    named = [Path(word).absolute() for word in arguments if "\0" not in word]
    found = Path(error.filename).absolute()
    inside = error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG) and any(one in found.parents for one in named)
    return inside or any(found == one or found in one.parents[:-1] for one in named)
