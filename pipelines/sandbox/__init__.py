"""Untrusted programs in boxes: what goes in, what comes out, and the pool that runs them."""

from pipelines.sandbox.checks import check_sandbox
from pipelines.sandbox.programs import (
    MODES,
    Call,
    Calls,
    Cause,
    Limits,
    Mode,
    Program,
    Report,
    Result,
    SandboxFailed,
    Script,
    Status,
    Tested,
)
from pipelines.sandbox.reading import TestsBroken
from pipelines.sandbox.sandbox import Sandbox

__all__ = [
    "MODES",
    "Call",
    "Calls",
    "Cause",
    "Limits",
    "Mode",
    "Program",
    "Report",
    "Result",
    "Sandbox",
    "SandboxFailed",
    "Script",
    "Status",
    "Tested",
    "TestsBroken",
    "check_sandbox",
]
