"""Certifying verifiers: a suite of equal and different answers, attacks and imitations, run over any verifier in a process
of its own, and what was found. `rollmill certify VERIFIER` is its command line (docs/certify.md).

The child process imports this package with an interpreter that may have none of our dependencies: nothing is imported here.
"""
