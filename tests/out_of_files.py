"""A process that may open no more files, for the length of a block. Linux only. Knows no test."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def out_of_files() -> Iterator[None]:
    """Every open fails with EMFILE; what is open stays so."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest number that a file could get
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
