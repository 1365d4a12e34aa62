"""Contamination checks: a training set against a benchmark, splits against one another, benchmarks made harder."""

from rollmill.flows.contamination.check import CheckRequest, check_contamination

__all__ = ["CheckRequest", "check_contamination"]
