"""The warm process inside the box: takes jobs from the host, forks a confined process for each, reports what became of it.

It runs no untrusted code itself and reads of programs only bytes that it counts and passes on. Started by file path:
`python -s -S -P keeper.py`, with the host's socket as standard input. Ends when the host's end of it closes.
"""

import gc
import marshal
import os
import sys

_WARM = """
typing collections collections.abc re math itertools functools operator heapq bisect string copy enum contextlib io
struct abc types time
"""


def main() -> None:
    """Build the walls, warm up, serve."""
    place = sys.argv[1]
    sys.path.insert(0, place)
    from rollmill.pipelines.sandbox.guest import frames, isolation, system
    from rollmill.pipelines.sandbox.guest.serve import Keeper

    host = _move_host_channel()
    raw = frames.FrameReader(host, frames.JOB_LIMIT).receive()
    if raw is None:
        return
    settings = frames.Settings(*marshal.loads(raw))  # noqa: S302 - from the host
    _warm_up()
    if settings.boxed:
        isolation.withdraw(settings)
        if settings.mode == "shared":
            isolation.mount_scratch(settings)
    else:
        system.die_with_parent()
    sys.path.remove(place)
    os.umask(0o077)
    gc.collect()
    gc.freeze()
    # The zygote, forked in Keeper, inherits this: a collection writes to pages that forks share.
    # Each fork enables it again.
    gc.disable()
    keeper = Keeper(host, settings)
    gc.enable()
    frames.send(host, b"ready")
    keeper.serve()


def _move_host_channel() -> int:
    """Standard input becomes /dev/null, the host's socket a number out of the way."""
    host = os.dup(0)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return host


def _warm_up() -> None:
    """Import what programs commonly import, and add the builtins that `site` would have added."""
    import _sitebuiltins
    import builtins

    for name in _WARM.split():
        __import__(name)
    import rollmill.pipelines.sandbox.guest.candidate
    import rollmill.pipelines.sandbox.guest.tester  # noqa: F401

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    sys.argv = ["program"]


if __name__ == "__main__":
    main()
