"""Contamination: whether a training set holds problems of a benchmark, and how much of it a check would find."""

from rollmill.pipelines.contamination.index import CLASSES, LEAKS, METHODS, BenchmarkIndex, Hit, ProblemText
from rollmill.pipelines.contamination.planted_copies import REQUIRED, ContaminationCertificate, RecallFloor, certify
from rollmill.pipelines.contamination.scan import Overlaps, Scan

__all__ = [
    "CLASSES",
    "LEAKS",
    "METHODS",
    "REQUIRED",
    "BenchmarkIndex",
    "ContaminationCertificate",
    "Hit",
    "Overlaps",
    "ProblemText",
    "RecallFloor",
    "Scan",
    "certify",
]
