"""Measuring a verifier: planted errors as a stress test, random natural rollouts for a person, and the rates from both.

Pure functions over rows; knows no ledger and no run.
"""
