"""Measures verifiers: suites of equal, different and hostile answers, planted errors, and a sample for a person to judge.

`rollmill certify VERIFIER` runs a suite over a verifier in a process of its own (docs/how-to/certify.md). The child imports
this package with an interpreter that may have none of our dependencies: nothing is imported here.
"""
