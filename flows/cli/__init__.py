"""The command line `rollmill`: how a verb is built and run, and what a mistake, a "no" and Ctrl-C look like.

Heavy imports happen inside the verbs, so that --help is quick.
"""

import errno
import gc
import os
import resource
import shlex
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from rollmill.flows import CHECKOUT
from rollmill.flows.cli import ending, logs
from rollmill.flows.cli.operate import completion
from rollmill.flows.cli.operate.command_list import VERBS, CommandList, package_command, package_verbs
from rollmill.flows.cli.output import never_silent, note
from rollmill.flows.cli.terminal import guard
from rollmill.ground.by_name import object_at
from rollmill.ground.errors import RollmillError, SetupError, explained, interrupted, is_panic, refusal
from rollmill.version import tree_version

LOG_LEVEL, LOG_JSON = "--log-level", "--log-json"
_FILES = 640  # of which a worker takes two from 500 on (pipelines/processes/child.py)
_YOUNG = 10_000  # objects made and not freed before the youngest are searched; Python's own number is 700 to 2,000
_NO_FILE = (errno.EISDIR, errno.EINVAL, errno.ENXIO)  # of a folder, a pipe or a socket that is opened as a file
_SHOWN = 300  # characters of a path that cannot be used


def group(name: str, help_text: str, *, completion: bool = False, cls: type[CommandList] = CommandList) -> typer.Typer:
    """A group of commands; without a command it prints its help. `completion` adds the options that set up a shell's."""
    return typer.Typer(
        name=name,
        help=help_text,
        cls=cls,
        no_args_is_help=True,
        add_completion=completion,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def build(verb: str | None = None) -> typer.Typer:
    """The program with every verb registered, or only the requested one, because each verb's module costs its imports.

    A verb of an installed package that cannot be used is left out, unless it is the requested one: then a SetupError says
    why.
    """
    app = group("rollmill", "", completion=True)
    app.callback()(_everywhere)
    if verb is not None and verb not in VERBS:
        command = package_command(verb)
        if command is not None:
            _register(app, verb, command)
            return app
    for name in [verb] if verb in VERBS else VERBS:
        _register(app, name, object_at(VERBS[name]))
    for name in [] if verb in VERBS else package_verbs():
        with suppress(SetupError):  # `rollmill methods` tells it
            if (command := package_command(name)) is not None:
                _register(app, name, command)
    return app


def _register(app: typer.Typer, name: str, command: Callable[..., None] | typer.Typer) -> None:
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


def _program(verb: str | None) -> Any:
    """The program as a click command, which completes names where a shell asks for these."""
    program = typer.main.get_command(build(verb))
    if completion.wanted():
        completion.complete_values(program)
    return program


def _verb(arguments: Sequence[str]) -> str | None:
    """The first word that is neither an option nor an option's value."""
    words = iter(arguments)
    for word in words:
        if word in ("-C", "--directory"):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _without_log_options(arguments: Sequence[str]) -> tuple[list[str], str | None, bool]:
    """The arguments without the options of the log, which any command takes in any place; the level; JSON lines or not.

    They are taken before the arguments are parsed, so that mistakes in these are logged as asked too.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words, rest, level, json_lines = iter(arguments[:end]), [], None, False
    for word in words:
        if word == LOG_JSON:
            json_lines = True
        elif word == LOG_LEVEL:
            level = next(words, "")
        elif word.startswith(f"{LOG_LEVEL}="):
            level = word.removeprefix(f"{LOG_LEVEL}=")
        else:
            rest.append(word)
    return [*rest, *arguments[end:]], level, json_lines


def _typed(program: Any, arguments: Sequence[str]) -> str:
    """The command that was called, for example `rollmill runs show`, without its arguments."""
    named = ["rollmill"]
    for word in arguments:
        if word in getattr(program, "commands", {}):
            program = program.commands[word]
            named.append(word)
    return " ".join(named)


def version_line() -> str:
    """`rollmill 0.1.0 (4a98cfe)`: the version and the commit; `+changes` where files differ from that.

    In a checkout both come from git; a wheel has the version in its metadata and the commit in a file. No manifest and
    no hash reads either.
    """
    commit, file, number = "", CHECKOUT / "COMMIT", ""
    if (CHECKOUT / ".git").exists():
        number = tree_version(CHECKOUT)
        describe = ["git", "-C", str(CHECKOUT), "describe", "--always", "--exclude=*", "--dirty=+changes"]
        described = subprocess.run(describe, capture_output=True, text=True, check=False)
        commit = described.stdout.strip() if not described.returncode else ""
    elif file.is_file():
        commit = file.read_text(encoding="utf-8")
    return f"rollmill {number or version('rollmill')}" + (f" ({commit})" if commit else "")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version_line())
        raise typer.Exit


def _everywhere(
    folder: Annotated[Path | None, typer.Option("--directory", "-C", help="Work as if started in this folder.")] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit, and exit.")
    ] = False,
    _level: Annotated[
        str, typer.Option(LOG_LEVEL, metavar="LEVEL", help=f"Log from this level on: {', '.join(logs.LEVELS)}.")
    ] = "",
    _json: Annotated[bool, typer.Option(LOG_JSON, help="Write the log on standard error as JSON lines.")] = False,
    _all: Annotated[bool, typer.Option("--all", help="With --help: a sentence about every command.")] = False,
) -> None:
    """Model rollouts into versioned datasets: synthesis, generation, verification, selection, publication."""
    if folder is not None:
        if not folder.is_dir():
            raise SetupError(f"no folder {folder}.", next_command=f"rollmill init {folder}")
        os.chdir(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 a check failed, 2 a mistake of the user, 130 interrupted."""
    # Our matrices are small: on a busy machine threads that wait for one another make a product ten times as slow.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Searches for unreachable cycles while modules are loaded would take a tenth of a short command.
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    guard()
    status = ending.in_a_child() if ending.memory_limited() else None
    sys.exit(run(sys.argv[1:] if arguments is None else arguments) if status is None else status)


def run(arguments: Sequence[str]) -> int:
    """Run the program and give its exit status; only a bug of ours raises."""
    arguments, level, json_lines = _without_log_options(arguments)
    if level is not None and level.lower() not in logs.LEVELS:
        return _report(SetupError(f"{LOG_LEVEL} {level!r} is no level.", choices=logs.LEVELS), 2)
    with logs.logged(level, json_lines=json_lines):
        with ending.in_order():
            word, status = ending.last_word(_status(arguments))
        if word:
            with suppress(OSError):  # after SIGHUP, the terminal is gone
                note(f"rollmill: {word}")
    return status


def _status(arguments: Sequence[str]) -> int:
    verb, program = _verb(arguments), None
    try:
        _require_text(arguments)
        if verb is not None:
            _allow_files()
        program = _program(verb)
        with never_silent(f"rollmill {verb or ''}: loading modules"):
            # A verb that has nothing to say returns None.
            return int(program.main(list(arguments), "rollmill", standalone_mode=False) or 0)
    except SetupError as error:
        next_command = error.next_command or f"{_typed(program, arguments)} --help"
        return _report(SetupError(error.message, choices=error.choices, next_command=next_command), 2)
    except RollmillError as error:  # a check that found something wanting, too
        return _report(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left, for example `| head`
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException as error:
        return _other_end(error, arguments)


def _other_end(error: BaseException, arguments: Sequence[str]) -> int:
    """Exit status of a command that ended by an error which Rollmill did not raise on purpose; a bug of ours is raised."""
    if not (isinstance(error, Exception) or is_panic(error)):
        raise error
    if interrupted(error) or ending.a_thread_died() or ending.terminal_gone():
        return 130
    if hasattr(error, "format_message"):
        return _misuse(error)
    known = _refused(error, arguments) or _in_users_file(error)
    if known is None:
        raise error
    return _report(known, 2)


def _require_text(arguments: Sequence[str]) -> None:
    """SetupError for an argument of other bytes than UTF-8: neither a file nor a query of ours can hold it."""
    for word in arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word[:_SHOWN].encode("utf-8", "backslashreplace").decode()
            raise SetupError(f"the argument '{shown}' is no UTF-8.", next_command="write or rename it in UTF-8") from None


def _allow_files() -> None:
    """Raise this process's limit of open files as far as is needed; SetupError if the system does not let it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not 0 <= soft < _FILES:  # -1 is no limit
        return
    if not 0 <= hard < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))
        return
    raise SetupError(
        f"this process may open {hard} files at once, and {_FILES} may be needed.",
        next_command=f"ulimit -n {_FILES}, as root or in the service's settings, then run the same command again",
    )


def _in_users_file(error: BaseException) -> SetupError | None:
    """The error of a method in a user's own file, with the line in that file, if it was raised there."""
    from rollmill.roles.user_code import MODULES

    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(MODULES)]
    if not own:
        return None
    frame, number = own[-1]
    where = f"{Path(frame.f_code.co_filename).name}, line {number}, in {frame.f_code.co_name}"
    message = f"{where}: {type(error).__name__}: {error}"[:500]
    return SetupError(f"{message}.", next_command="correct it and run the same command again; drawn completions are kept")


def _report(error: Exception, status: int) -> int:
    note(f"rollmill: {' '.join(str(error).split())}" if status == 2 else f"rollmill: {error}")
    return status


def _misuse(error: BaseException) -> int:
    """Print an error of the argument parser in one line, or the help if no command was given; gives the exit status."""
    text = getattr(error, "format_message")()  # noqa: B009
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(text)
        return 2
    path = context.command_path if context is not None else "rollmill"
    stop = "" if text.endswith((".", "?")) else "."
    note(f"rollmill: {text}{stop} Next: {path} --help")
    return 2


def _refused(error: BaseException, arguments: Sequence[str]) -> SetupError | None:
    """A refusal of the machine, a read-only place or a path of the call's own in one line; any other is a bug of ours."""
    known = refusal(error)
    if known is not None or not isinstance(error, OSError):
        return known
    if error.errno in _NO_FILE and error.filename and not _named(error, arguments):
        path = str(error.filename)[:_SHOWN]
        return SetupError(f"{path} is not a file.", next_command=f"mv {shlex.quote(path)} {shlex.quote(path)}.was")
    try:
        with explained(error.filename or "here"):
            raise error
    except SetupError as mended:
        return mended
    except OSError:
        if error.errno != errno.ENAMETOOLONG and not _named(error, arguments):  # a name that a person gave, in any verb
            return None
        refused = f"cannot use {str(error.filename)[:_SHOWN]}: {str(error.strerror).lower()}."
        return SetupError(refused, next_command="name another path")


def _named(error: OSError, arguments: Sequence[str]) -> bool:
    """True if a system error concerns a path that the call names, a parent of it, or a path that cannot be in it."""
    if not isinstance(error.filename, str | os.PathLike):
        return False
    named = [Path(word).absolute() for word in arguments if "\0" not in word]
    refused = Path(error.filename).absolute()
    inside = error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG) and any(path in refused.parents for path in named)
    return inside or any(refused == path or refused in path.parents[:-1] for path in named)
