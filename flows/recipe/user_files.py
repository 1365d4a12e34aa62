"""Methods that a manifest or a ledger names: the files that hold them, and whether they may run here.

A version is judged again by the methods that made it, even if the recipe's files moved or changed, so its manifest keeps
their text. Whoever published it wrote that text. It runs as it is only if the person ran the same file before by a recipe
of his own, or in the sandbox if he trusts its digest (pipelines/own_code.py); else `NotTrusted` names the file.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rollmill.flows.recipe.methods import DIGEST, PACKAGE, Found, MethodSpec, class_in, file_mark, resolve
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.ground.temporary import temporary_folder
from rollmill.pipelines.own_code import OPTION, asked_for, is_own, is_trusted, own_places, part_digest, trusted_list
from rollmill.roles.user_code import found_file

_NAMES = ("method", "synthesize", "engine")  # the keys that name a method
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_CHAINS = ("verify", "score")
TEMPLATES = "templates"  # the option of synthesizers that names templates of the user's own


class NotTrusted(SetupError):  # noqa: N818 - says what happened
    """Code of somebody else that the person has not trusted: it was not run."""


@dataclass(frozen=True, slots=True)
class StoredMethods:
    """Methods of the recipe of a version or run. `origin`: its name; `files`: texts of its files by digest, as the manifest
    keeps them; `base`: folder that its other files are relative to; `folder`: where kept files are written.
    """

    origin: str
    recipe: Mapping[str, Any]
    files: Mapping[str, Mapping[str, str]]
    base: Path
    folder: Path

    def resolve(self, role: str, part: Mapping[str, Any], name: str = "method") -> MethodSpec:
        """The method that a part of the recipe names. NotTrusted for code and options of somebody else."""
        method = resolve(role, str(part[name]), part.get("options") or {}, base=self.base, find=self._find)
        if method.reaches_out and not is_own(part_digest(method.canonical())):
            what = "asks a model" if method.asks_model else "runs programs without the sandbox"
            raise NotTrusted(
                f"{role} {method.name!r} of {self.origin} {what}, and no recipe that you ran does so with these options.",
                next_command="a recipe of your own with this method",
            )
        for reference in map(str, method.options.get(TEMPLATES) or ()):
            if ":" in reference or reference.endswith(".py"):
                self._require_own(reference.partition(":")[0])
        return method

    def check_asked(self) -> None:
        """SetupError for a trusted digest that no file of the recipe has."""
        for digest in sorted(asked_for() - self.files.keys()):
            raise SetupError(f"{OPTION} {digest}: no file of {self.origin} has this digest.", choices=sorted(self.files))

    def _find(self, role: str, name: str, base: Path) -> Found:
        place, _, attribute = name.rpartition(":")
        digest = self._digest(name)
        text = self._kept(digest)
        if is_own(digest):
            return class_in(role, f"{self._own_place(place, digest, text)}:{attribute}", base)
        from rollmill.pipelines.sandbox.method_box import (  # which a recipe of one's own never needs
            BOXED,
            MethodSource,
            boxed_class,
        )

        if text is None or role not in BOXED:
            raise NotTrusted(
                f"{role} {name!r} of {self.origin} is code that you did not run before: it is not run.",
                next_command="read it; a recipe of your own may name it, and `rollmill curate` runs it",
            )
        if not is_trusted(digest):
            raise NotTrusted(
                f"the file {place} of {self.origin} (SHA-256 {digest}) came with it and no recipe of yours ran it here: "
                "it is not run.",
                next_command=f"read its text in manifest.json; {OPTION} {digest}, or `code` in {trusted_list()}, runs it "
                "in the sandbox",
            )
        source = MethodSource(role, name, attribute, text, digest, file_mark(digest))
        return boxed_class(source, self._options(name)), digest

    def _digest(self, name: str) -> str:
        """The recorded digest of the file that a name stands for; "" if the recipe has none for it."""
        known = {str(part.get(DIGEST)) for part in parts_with(self.recipe, lambda part: _named(part) == name)}
        return known.pop() if len(known) == 1 else ""

    def _options(self, name: str) -> list[str]:
        parts = parts_with(self.recipe, lambda part: _named(part) == name)
        return sorted({str(key) for part in parts for key in part.get("options") or ()})

    def _kept(self, digest: str) -> str | None:
        text = self.files.get(digest, {}).get("text")
        return text if isinstance(text, str) and sha256_text(text) == digest else None

    def _own_place(self, place: str, digest: str, text: str | None) -> str:
        """The place that code of the person's own is loaded from: the file that ran before, or its text in the manifest."""
        file = found_file(place, self.base)
        same = file is not None and sha256_text(file.read_text(encoding="utf-8")) == digest
        # A package may run other files first, so a module is only imported from where it ran before.
        if same and (str(file.resolve()) in own_places(digest) if file and not place.endswith(".py") else text is None):
            return place
        if text is None:
            raise SetupError(f"the file {place} has changed since, and {self.origin} does not keep it.")
        kept = self.folder / f"{digest}.py"
        kept.write_text(text, encoding="utf-8")
        return str(kept)

    def _require_own(self, place: str) -> None:
        """NotTrusted for a file or module of the workspace that the person did not run before."""
        file = found_file(place, self.base)
        if file is None or not is_own(sha256_text(file.read_text(encoding="utf-8"))):
            raise NotTrusted(
                f"{place} of {self.origin} has changed since, or is code that you did not run before: it is not run.",
                next_command="read it; a recipe of your own may name it, and `rollmill curate` runs it",
            )

    def require_own(self, named: Mapping[str, Any] = MappingProxyType({}), *, unchanged: bool = False) -> None:
        """NotTrusted if the recipe, to be run whole, names code that did not run here before, or leaves the sandbox.

        `named`: a recipe of the person's own, whose options may be here as well, and whose code, unless it has to be
        `unchanged` since it ran.
        """
        for text in set(texts_in(self.recipe)) - (set() if unchanged else set(texts_in(named))):
            place, colon, _ = text.rpartition(":")
            place = place if colon else text
            if place.endswith(".py") or (_DOTTED.fullmatch(text) and _importable(place, self.base)):
                self._require_own(place)
        chains = {
            key: [
                part
                for part in self.recipe.get(key) or ()
                if part not in (named.get(key) or ()) and not is_own(part_digest(part))
            ]
            for key in _CHAINS
        }
        if next(parts_with({**self.recipe, **chains}, lambda part: part.get("sandbox") == "none"), None):
            raise NotTrusted(
                f"the recipe of {self.origin} runs programs without the sandbox (sandbox: none), as none of yours did.",
                next_command="a recipe of your own, without it",
            )


@contextmanager
def stored_methods(
    origin: str, recipe: Mapping[str, Any], files: Mapping[str, Any] | None, *, base: Path
) -> Iterator[StoredMethods]:
    """The methods of a stored recipe; they are built, and their work is done, before the block ends."""
    with temporary_folder() as folder:
        yield StoredMethods(origin, recipe, files or {}, base, folder)


def files_of(recipe: Any, base: Path) -> dict[str, dict[str, str]]:
    """Name and text of every file that holds a method of a canonical recipe, by digest; nothing is imported."""
    files: dict[str, dict[str, str]] = {}
    for part in parts_with(recipe, lambda part: isinstance(part.get(DIGEST), str) and ":" in _named(part)):
        place = _named(part).rpartition(":")[0]
        path = found_file(place, base)
        text = "" if path is None else path.read_text(encoding="utf-8")
        if sha256_text(text) == part[DIGEST]:
            files[part[DIGEST]] = {"file": place, "text": text}
    return files


def packages_of(recipe: Any) -> list[str]:
    """Name and version of every package that a canonical recipe's methods come from."""
    return sorted({part[PACKAGE] for part in parts_with(recipe, _packaged)})


def parts_with(value: Any, wanted: Callable[[Mapping[str, Any]], object]) -> Iterator[Mapping[str, Any]]:
    """The mappings within a recipe of which this is true."""
    if isinstance(value, Mapping):
        if wanted(value):
            yield value
        for item in value.values():
            yield from parts_with(item, wanted)
    elif isinstance(value, list):
        for item in value:
            yield from parts_with(item, wanted)


def texts_in(value: Any) -> Iterator[str]:
    """Every text within a recipe that is a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(item)


def _importable(place: str, base: Path) -> bool:
    """True if an import of this module would find something; nothing is imported."""
    return PathFinder.find_spec(place.partition(".")[0], [*sys.path, str(base)]) is not None


def _packaged(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get(PACKAGE), str) and any(isinstance(value.get(key), str) for key in _NAMES)


def _named(part: Mapping[str, Any]) -> str:
    """The method that a part of a recipe names; "" if it names none, or one without a colon alone."""
    return next((str(part[key]) for key in _NAMES if ":" in str(part.get(key))), "")
