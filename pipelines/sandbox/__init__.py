"""Runs untrusted programs: what goes in, what comes out, and the pool of sandboxed processes that runs them."""

from pipelines.sandbox.programs import (
    MODES,
    AssertTests,
    Call,
    Calls,
    Limits,
    Mode,
    Program,
    Report,
    Result,
    SandboxFailed,
    Script,
    limits_of,
)
from pipelines.sandbox.reports import TestsBroken
from pipelines.sandbox.sandbox import Sandbox, SandboxUser, check_sandbox

__all__ = [
    "MODES",
    "AssertTests",
    "Call",
    "Calls",
    "Limits",
    "Mode",
    "Program",
    "Report",
    "Result",
    "Sandbox",
    "SandboxFailed",
    "SandboxUser",
    "Script",
    "TestsBroken",
    "check_sandbox",
    "limits_of",
]
