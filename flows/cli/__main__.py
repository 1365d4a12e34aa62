"""`python -m rollmill.flows.cli`: the command line where the console script is not installed."""

from rollmill.flows.cli import main

main()
