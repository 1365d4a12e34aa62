"""`python -m flows.cli`: the command line where the console script is not installed. Knows only its entry."""

from flows.cli import main

main()
