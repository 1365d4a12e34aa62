"""Verifiers: what each concluded on a completion, with evidence. One file per method; none knows the workspace."""

from collections.abc import Callable, Mapping

from pipelines.protocols import Verifier
from pipelines.verify.number import NumberVerifier

VERIFIERS: Mapping[str, Callable[..., Verifier]] = {"number": NumberVerifier}
