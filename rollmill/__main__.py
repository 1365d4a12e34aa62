"""The command `rollmill`, also as `python -m rollmill`."""


def main() -> None:
    """Run the command line and exit with its status."""
    from flows.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
