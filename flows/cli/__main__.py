"""`python -m flows.cli`: the command line where the console script is not installed."""

from flows.cli import main

main()
