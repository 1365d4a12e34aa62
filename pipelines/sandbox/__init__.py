"""Runs untrusted programs: what goes in, what comes out, and the pool of sandboxed processes that runs them."""

from rollmill.pipelines.sandbox.programs import (
    AssertTests,
    Call,
    Calls,
    Mode,
    ProgramReport,
    Result,
    SandboxFailed,
    SandboxLimits,
    Script,
    limits_of,
)
from rollmill.pipelines.sandbox.reports import TestsBroken
from rollmill.pipelines.sandbox.sandbox import Sandbox, SandboxUser, check_sandbox

__all__ = [
    "AssertTests",
    "Call",
    "Calls",
    "Mode",
    "ProgramReport",
    "Result",
    "Sandbox",
    "SandboxFailed",
    "SandboxLimits",
    "SandboxUser",
    "Script",
    "TestsBroken",
    "check_sandbox",
    "limits_of",
]
