"""The command `rollmill`, also as `python -m rollmill`."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from rollmill.flows.cli import main as command_line
    except ModuleNotFoundError as error:  # of an installation without the extra that has the command line
        from rollmill.ground.errors import refusal

        if (known := refusal(error)) is None:
            raise
        print(f"rollmill: {known}", file=sys.stderr)  # noqa: T201 - `output` needs what is missing
        sys.exit(2)
    command_line()


if __name__ == "__main__":
    main()
