"""Setting of glibc for processes that hold a run's columns: freed large blocks return to the system.

glibc maps large blocks separately, but raises its threshold to 32 MB once it has freed such a block. From then on
the columns of a million rows, 4 to 36 MB each, come from its heap, where any small block behind a freed one keeps it in
memory: after a gate over a million rollouts 390 of 1,060 resident MB were free.
"""

import ctypes

LARGE = 1 << 20  # bytes; a larger block is mapped by itself
KEPT = 1 << 24  # free bytes kept at the end of the heap: returning each page would cost more than it saves

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>


def return_large_blocks() -> None:
    """Return freed large blocks to the system from now on, in this process; no effect with an allocator other than
    glibc's."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # Setting one of the two also ends glibc's own adjustment of both.
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, KEPT)
