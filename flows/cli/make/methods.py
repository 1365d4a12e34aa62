"""`rollmill methods`: what a recipe may name, with where each method comes from."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows import CHECKOUT
from rollmill.flows.cli.new import new_method, places_in_product, role_of
from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.installed import entry_points, package_of
from rollmill.kinds import GROUP, listed_kinds

if TYPE_CHECKING:
    from rollmill.roles.registries import Methods

_FILE_OPTION = typer.Option("--file", metavar="FILE", help="List the methods of a Python file of yours instead.")


def methods(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="List one kind only, for example verifiers.")] = None,
    of: Annotated[str | None, typer.Argument(metavar="NEW_KIND", help="After `new`: the kind of file to write.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="NEW_NAME", help="After `new`: its name.")] = None,
    file: Annotated[Path | None, _FILE_OPTION] = None,
    *,
    json: AsJson = False,
) -> None:
    """List the methods that a recipe may name: the product's, those of installed packages, or those of a file.

    `kinds` are those of jobs: each is a verb that runs a recipe or a request. `verbs` and `pages` are further ones that
    installed packages bring.

    `rollmill methods new KIND NAME` writes a commented Python file with a method of this kind instead.

    Example: rollmill methods verifiers
    """
    if kind == "new" or of is not None:
        if kind != "new" or of is None or name is None or file is not None:
            raise SetupError("one kind is listed, or one file written.", next_command="rollmill methods new verifier mine")
        path = new_method(of, name)
        as_json({"file": str(path)}) if json else line(_written(of, path))
        return
    from rollmill.roles.registries import REGISTRIES, registry

    kinds = {place.kind: role for role, place in REGISTRIES.items()}
    known = [*kinds, *([GROUP, *BROUGHT] if file is None else [])]
    if kind is not None and kind not in known:
        raise unknown_name("kind of method", kind, known)
    rows, problems = [], []
    for listed_kind in known if kind is None else [kind]:
        if listed_kind == GROUP:
            listed = _of_jobs()
        elif listed_kind in BROUGHT:
            listed = _of_packages(listed_kind)
        else:
            listed = _of_registry(registry(kinds[listed_kind])) if file is None else _of_file(kinds[listed_kind], file)
        for row, problem in listed:
            rows.append({"kind": listed_kind, **row})
            problems += [] if problem is None else [problem]
    if json:
        as_json(rows)
    else:
        line(columns(["kind", "method", "source", "what it is"], [list(row.values()) for row in rows]))
    if problems:
        raise problems[0]


def _written(kind: str, path: Path) -> str:
    """Message about the written file and, in a checkout, its place in the product."""
    lines = [f"{path} is written."]
    if (CHECKOUT / "tests").is_dir():
        file, registry, contract = places_in_product(role_of(kind), path.stem)
        lines.append(f"In the product it is {file}, with a line in {registry} and a row in {contract}.")
    return "\n".join([*lines, f"Next: rollmill methods --file {path}"])


def _of_jobs() -> Iterator[tuple[dict[str, str], SetupError | None]]:
    """Every kind of jobs, and the reason if it cannot be used."""
    for verb, source, brought in listed_kinds():
        problem = brought if isinstance(brought, SetupError) else None
        about = brought.message if isinstance(brought, SetupError) else brought.about
        yield {"method": verb, "source": source, "line": about}, problem


def _of_packages(group: str) -> Iterator[tuple[dict[str, str], SetupError | None]]:
    """Every verb or page that an installed package brings, and the reason if it cannot be used."""
    for name, points in entry_points().get(group, {}).items():
        problem = None
        try:
            text = BROUGHT[group](name)
        except SetupError as error:
            text, problem = error.message, error
        yield from (({"method": name, "source": package_of(point), "line": text}, problem) for point in points)


def _about_verb(name: str) -> str:
    from rollmill.flows.cli.operate.command_list import package_command

    command = package_command(name)
    text = command.info.help if isinstance(command, typer.Typer) else getattr(command, "__doc__", None)
    return _first_sentence(name, "", str(text or ""))


def _about_page(name: str) -> str:
    from rollmill.page import package_page

    return package_page(name).about


BROUGHT = {"verbs": _about_verb, "pages": _about_page}
"""The first sentence about a verb or a page that an installed package brings, by group."""


def _of_registry(known: "Methods") -> Iterator[tuple[dict[str, str], SetupError | None]]:
    """Every method of a role, once for each of its sources, and the reason if it cannot be used."""
    for name in known:
        problem = None
        try:
            text = _first_sentence(name, *known.docstrings(name))
        except SetupError as error:
            text, problem = error.message, error
        for source in known.sources(name):
            yield {"method": name, "source": source, "line": text}, problem


def _of_file(role: str, file: Path) -> Iterator[tuple[dict[str, str], None]]:
    """The classes of a file that have every call of this role, by the name under which a recipe in the same folder finds
    them.
    """
    from rollmill.pipelines.method_checks import CALLS, missing_members
    from rollmill.roles.user_code import NotLoaded, classes_of, load_module

    try:
        module = load_module(file.name, file.parent)
    except NotLoaded as error:
        raise SetupError(f"{error}.", next_command="rollmill methods --file FILE.py") from None
    roles = [role, "group scorer"] if role == "scorer" else [role]
    for name, cls in classes_of(module).items():
        own = cls.__module__ == module.__name__
        if own and any(not set(CALLS[part]) & set(missing_members(part, cls)) for part in roles):
            yield {"method": f"{file.name}:{name}", "source": str(file), "line": described(name, cls)}, None


def described(name: str, method: Any) -> str:
    """The first sentence about a method: its module's if that is of this method alone, else its class's."""
    return _first_sentence(name, sys.modules[method.__module__].__doc__ or "", method.__doc__ or "")


def _first_sentence(name: str, module: str, own: str) -> str:
    about = re.match(rf"[A-Z][a-z ]+ `{re.escape(name)}`: ", module)
    text = module[about.end() :] if about else own
    first = re.split(r"(?<=[.?]) (?=[A-Z`])", " ".join(text.partition("\n\n")[0].split()))[0]
    return first[:1].upper() + first[1:]
