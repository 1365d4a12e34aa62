"""How a box treats its programs, as the host says it once. Knows no system call: the host imports it on any platform."""

from typing import NamedTuple


class Settings(NamedTuple):
    """How a box treats its programs; comes from the host once."""

    mode: str
    cpu_seconds: float
    wall_seconds: float
    memory_mib: int
    output_kib: int
    disk_mib: int
    processes: int
    uid: int
    binds: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    scratch: str
    zygote_filter: bytes
    program_filter: bytes
    tests_filter: bytes

    @property
    def boxed(self) -> bool:
        """Whether namespaces, capabilities and filter apply."""
        return self.mode != "none"
