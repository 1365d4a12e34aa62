"""The command `rollmill`: the command line of the checkout that this file lies in. All that the wheel holds, too.

Installed as a wheel it has no program beside it, and says how to get one: Rollmill runs from its checkout.
"""

import sys
from pathlib import Path

_NO_PROGRAM = (
    "rollmill: the wheel holds no program; Rollmill runs from its checkout. "
    "Next: clone its repository, run `make run` there, then .venv/bin/rollmill"
)


def main() -> None:
    """Run the command line and exit with its status; 2 where there is none."""
    if not Path(__file__).with_name("flows").joinpath("cli").is_dir():
        print(_NO_PROGRAM, file=sys.stderr)  # noqa: T201 - the command's one line, with nothing else installed
        sys.exit(2)
    from flows.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
