"""The command line under a clock that is wrong by so many seconds: python -m tests.hosts.wrong_clock SECONDS ARGUMENTS...

Only what this process reads is moved: the ledger's clock is its server's. libfaketime would do it for all of libc, and
breaks the sleep of Python 3.11.
"""

import sys
import time

_time, _time_ns = time.time, time.time_ns
SECONDS = float(sys.argv[1])

time.time = lambda: _time() + SECONDS
time.time_ns = lambda: _time_ns() + int(SECONDS * 1e9)

if __name__ == "__main__":
    from rollmill.flows import cli

    sys.exit(cli.run(sys.argv[2:]))
