"""A prover of the user's own, such as a driver of petanque or Lean: `file.py:Class` or `package.module:Class`.

The class takes no arguments and has the methods of `Prover` (`rollmill_proofs/proof_search.py`). Its result is a text; the
verifier of the recipe judges it.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from rollmill.methods import NotLoaded, SetupError, load_module, source_of
from rollmill_proofs.proof_search import Prover

METHODS = ("start", "try_all", "close")


def own_prover(place: str, folder: str | None) -> tuple[Callable[[], Prover], str]:
    """The class at a place, and its identity: its `version`, if there is one, and the digest of its file."""
    where, colon, name = place.rpartition(":")
    if not colon or not where or not name:
        raise _error(place, "it names no class", ("file.py:Class", "package.module:Class"))
    try:
        module = load_module(where, Path(folder or "."))
    except NotLoaded as error:
        raise _error(place, str(error), ("file.py:Class", "package.module:Class")) from None
    cls = getattr(module, name, None)
    if not isinstance(cls, type):
        classes = sorted(given for given, value in vars(module).items() if isinstance(value, type))
        raise _error(place, "there is no such class", tuple(classes[:8]) or ("a class in that file",))
    missing = [method for method in METHODS if not callable(getattr(cls, method, None))]
    if missing:
        raise _error(place, f"{name} has no method {', '.join(missing)}", METHODS)
    source = source_of(module)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16] if source else ""
    return cls, f"{getattr(cls, 'version', '')}-{digest}"


def _error(place: str, why: str, choices: tuple[str, ...]) -> SetupError:
    return SetupError(f"engine 'prover': prover {place!r}: {why}.", choices=choices)
