"""The process that every program and every process of tests is forked from. It never sees a job, a reply or a report.

A fork inherits its parent's memory, freed parts included: were the keeper the parent, a program could search it for the
tests, answers and programs of earlier jobs. So the keeper sends descriptors here and gets pids back; a forked process
becomes the keeper's child (CLONE_PARENT), and reads its job itself.
"""

import gc
import os
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket, socketpair

from rollmill.pipelines.sandbox.guest import candidate, isolation, system, tester
from rollmill.pipelines.sandbox.guest.frames import Settings

PROGRAM, TESTS = b"P", b"T"
READY = b"!"
"""The first byte of a forked process, sent once it is confined: an earlier end is our failure, not a program's."""
_PID = struct.Struct("<i")
_RIGHTS = 64
_REQUESTS = 10
CHANNEL = 3
"""Descriptor of the first one that arrives: the lowest free number between two requests."""
_OUTPUT = (1, 2)


class Zygote:
    """The keeper's side: asks for processes."""

    def __init__(self, settings: Settings) -> None:
        self.socket, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        if os.fork() == 0:
            _in_child(settings, theirs)
        theirs.close()

    def fork(self, kind: bytes, *fds: int) -> int:
        """A new confined process with these descriptors: its pid. The descriptors stay open here."""
        self.socket.sendmsg([kind], [(SOL_SOCKET, SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))])
        answer = self.socket.recv(_PID.size)
        pid = _PID.unpack(answer)[0] if len(answer) == _PID.size else -1
        if pid < 0:
            raise OSError(f"no new process: {os.strerror(-pid)}")
        return int(pid)


def receive(channel: socket) -> tuple[bytes, tuple[int, ...]]:
    """Receive a byte and the descriptors that came with it; empty at the end of the stream."""
    mark, rights, _, _ = channel.recvmsg(1, _RIGHTS)
    data = rights[0][2] if rights else b""
    return mark, struct.unpack(f"{len(data) // 4}i", data)


def _in_child(settings: Settings, requests: socket) -> None:
    """Fork on request until the keeper hangs up."""
    try:
        os.dup2(requests.fileno(), _REQUESTS)
        isolation.close_all_but((_REQUESTS,))
        # close_all_but has closed this number: closed again with the object, it could by then be another descriptor's.
        requests.detach()
        system.no_new_privileges()
        isolation.limit(settings)
        os.chdir("/" if settings.boxed else settings.scratch)
        candidate.rehearse()
        if settings.boxed:
            system.install_filter(settings.zygote_filter)
        gc.collect()
        gc.freeze()
        system.trim()
        _serve(settings, socket(fileno=_REQUESTS))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(71)


def _serve(settings: Settings, requests: socket) -> None:
    """The descriptors are put in their places before the fork: a page touched here is touched once, not in every child."""
    while True:
        kind, fds = receive(requests)
        if not kind:
            os._exit(0)
        assert fds[0] == CHANNEL
        for fd, place in zip(fds[1:], _OUTPUT, strict=False):
            os.dup2(fd, place)
            os.close(fd)
        fresh = kind == PROGRAM and settings.mode == "strict"
        pid = isolation.fork(settings, fresh=fresh)
        if pid == 0:
            os.close(_REQUESTS)
            isolation.confine(settings, fresh=fresh, program=kind == PROGRAM)
            os.write(CHANNEL, READY)
            if kind == PROGRAM:
                candidate.main(CHANNEL)
            else:
                tester.main(socket(fileno=CHANNEL))
        requests.send(_PID.pack(pid))
        os.close(CHANNEL)  # the output goes with the next request; nobody waits for its end
