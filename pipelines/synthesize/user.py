"""A user's own templates: `package.module:Class` or `path/to/file.py:Class`, validated before use.

A file or module is looked for in the folder that is given (the recipe's), without one in the current folder.
"""

import difflib
import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import sha256_text
from rollmill.pipelines.method_checks import has_role_call
from rollmill.pipelines.own_code import remember
from rollmill.pipelines.synthesize.template import Template
from rollmill.pipelines.synthesize.validation import fingerprint, require_valid
from rollmill.roles.user_code import NoFile, NotLoaded, classes_of, load_module, source_of

# CPU seconds: far more than a hundred instances need, far less than a person waits for a template that loops. Waiting for a
# busy machine does not count; the wall clock only ends a child that sleeps.
CPU_LIMIT_S = 20
_WALL_LIMIT_S = 900


def is_reference(name: str) -> bool:
    """True if a name means code of the user's rather than a template of ours."""
    return ":" in name or name.endswith(".py")


def load_template(reference: str, folder: Path | None = None) -> Template:
    """The validated template behind a reference; SetupError when it is not found, cannot be built or fails a test."""
    placed = _placed(reference, folder)
    cls = load_class(placed)
    # A manifest may name templates too: those that ran before are the person's own.
    if (source := source_of(sys.modules[cls.__module__])) is not None:
        remember(sha256_text(source.read_text(encoding="utf-8")), source)
    try:
        template = cast(Callable[[], Template], cls)()
    except Exception as error:
        raise SetupError(f"template {reference!r} cannot be built without arguments: {error}.") from error
    # In the child first, where a limit ends a template that loops; validation in this process has none.
    _same_elsewhere(template, reference, placed)
    require_valid(template, reference)
    return template


def load_class(reference: str) -> type[object]:
    """The class behind `module:Class` or `file.py:Class`; a file with a single template needs no `:Class`."""
    place, _, attribute = reference.partition(":") if "\\" not in reference else reference.rpartition(":")
    module = _module(place)
    classes = classes_of(module)
    own = [cls for cls in classes.values() if cls.__module__ == module.__name__ and has_role_call("template", cls)]
    if not attribute:
        if len(own) == 1:
            return own[0]
        raise SetupError(f"{reference!r} holds {len(own)} templates.", next_command=f"name one, as in {place}:ClassName")
    if attribute not in classes:
        raise unknown_name(f"class in {place}", attribute, classes)
    return classes[attribute]


def source_digest(template: Template) -> str:
    """Hash of the file that defines a user's template, so that an edited template is another version."""
    path = source_of(sys.modules[type(template).__module__])
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _placed(reference: str, folder: Path | None) -> str:
    """The reference from anywhere: a file with its folder, a module with that folder among those that are searched."""
    if folder is None:
        return reference
    place, colon, attribute = reference.partition(":")
    if place.endswith(".py"):
        return f"{folder.resolve() / place}{colon}{attribute}"
    if str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))
    return reference


def _same_elsewhere(template: Template, reference: str, placed: str) -> None:
    """Ask a second process with other string hashes for the same instances: catches hash(), set order, endless loops."""
    code = f"import sys; from {__name__} import print_fingerprint; print_fingerprint(sys.argv[1], int(sys.argv[2]))"
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}
    # -P: with -c the current folder would be searched first, and a file there could stand in for a library.
    command = [sys.executable, "-P", "-c", code, placed, str(CPU_LIMIT_S)]
    too_slow = SetupError(f"template {reference!r} does not finish: no samples after {CPU_LIMIT_S} CPU seconds.")
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_WALL_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise too_slow from error
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise too_slow
    # The last word alone: a template may print something itself.
    if child.returncode == 0 and child.stdout.split()[-1:] != [_fingerprint(template)]:
        raise SetupError(
            f"template {reference!r} fails single_valued: another process gets other instances from the same seeds.",
            next_command="take chance only from rng, and neither hash() nor the order of sets",
        )


def print_fingerprint(reference: str, cpu_limit_s: int) -> None:
    """Print the fingerprint of a template for a comparing process; validation reports a crash."""
    # SIGXCPU can be caught; the hard limit a second later sends SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 1))
    sys.stdout.write(_fingerprint(cast(Callable[[], Template], load_class(reference))()) + "\n")


def _fingerprint(template: Template) -> str:
    try:
        return fingerprint(template)
    except Exception:  # what it raised is told by is_executable
        return "nothing"


def _module(place: str) -> ModuleType:
    try:
        return load_module(place, Path.cwd())
    except NoFile:
        path = Path(place)
        beside = sorted(item.name for item in path.parent.glob("*.py")) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SetupError(f"there is no file {str(path)!r}.{hint}", choices=beside) from None
    except NotLoaded as error:
        raise SetupError(f"{error}.") from error
