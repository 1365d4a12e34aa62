"""Runs untrusted programs: what goes in, what comes out, and the pool of sandboxed processes that runs them."""

from pipelines.sandbox.programs import (
    MODES,
    AssertTests,
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
)
from pipelines.sandbox.reports import TestsBroken
from pipelines.sandbox.sandbox import Sandbox, check_sandbox

__all__ = [
    "MODES",
    "AssertTests",
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
    "TestsBroken",
    "check_sandbox",
]
