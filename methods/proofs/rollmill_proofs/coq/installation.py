"""The installation of Coq on this machine: its programs, its version and a digest of its library.

Written for Debian's packages (Coq 8.16 in Debian 12): programs in the sandbox see /usr/bin and /usr/lib.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rollmill.methods import SetupError

INSTALL = "apt-get install --no-install-recommends coq libcoq-stdlib"
NO_COQ = "none"
"""The version of a missing installation."""
FINDLIB = 'destdir="{0}"\npath="{0}:{0}/METAS"\n'
"""A findlib configuration for the folder of OCaml's packages. Without one Coq ends before it reads a file."""
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Installation:
    """An installed Coq. `packages`: the folder of OCaml's packages. `digest`: hash of all compiled library files."""

    compiler: str
    toplevel: str
    checker: str
    version: str
    packages: str
    digest: str


def installation() -> Installation:
    """The installed Coq; SetupError with the command that installs it if there is none."""
    programs = {name: shutil.which(name) for name in ("coqc", "coqtop", "coqchk")}
    missing = next((name for name, place in programs.items() if place is None), None)
    if missing is not None:
        message = f"formal proofs need Coq (the program {missing}), which is not installed."
        raise SetupError(message, next_command=INSTALL)
    return _described(*(str(place) for place in programs.values()))


def installed_version() -> str:
    """Version and library digest of the installed Coq, `none` if there is none."""
    try:
        coq = installation()
    except SetupError:
        return NO_COQ
    return f"{coq.version}-{coq.digest[:8]}"


@lru_cache(maxsize=4)
def _described(compiler: str, toplevel: str, checker: str) -> Installation:
    version = _output(compiler, "--print-version").split()[0]
    settings = dict(line.split("=", 1) for line in _output(compiler, "-config").splitlines() if "=" in line)
    library = Path(settings["COQLIB"])
    if not (library / "theories" / "Init" / "Prelude.vo").exists():
        message = f"formal proofs need Coq's standard library, which {library} does not contain."
        raise SetupError(message, next_command=INSTALL)
    return Installation(compiler, toplevel, checker, version, str(library.parent), _digest(library))


def _output(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if result.returncode != 0:
        message = f"formal proofs need Coq, and {command[0]} does not start: {result.stderr.strip()[:200]}"
        raise SetupError(message, next_command=INSTALL)
    return result.stdout


def _digest(library: Path) -> str:
    """SHA-256 over names and contents of the compiled files: an edited library is another version."""
    digest = hashlib.sha256()
    for place in sorted(library.rglob("*.vo")):
        digest.update(str(place.relative_to(library)).encode())
        digest.update(hashlib.sha256(place.read_bytes()).digest())
    return digest.hexdigest()
