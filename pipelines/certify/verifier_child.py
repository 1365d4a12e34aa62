"""The process in which a verifier under test lives: loads it by name, reads rows, answers with verdicts.

A name is one of the registry, `path/to/file.py:Class`, or `package.module:Class`; whatever goes wrong is one line for the
person who typed it. The verifier is trusted with nothing: its pipes are out of its way, its own standard input and output
are empty, and each answer carries the question's nonce. Imports the standard library and what of ours needs no more, so
that an interpreter without our dependencies can run a peer here.
"""

import builtins
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rollmill.ground.records import OUTCOMES, Completion, Problem
from rollmill.pipelines.processes.child import die_with_parent, limit_memory, take_pipes
from rollmill.pipelines.processes.frames import receive, send
from rollmill.roles.protocols import ReadsVotes, SuitedVerifier
from rollmill.roles.user_code import NotLoaded, load_module

CANARY = "ROLLMILL_CANARY"
_LONGEST = 300


class LoadError(Exception):
    """The verifier is unknown or cannot be built."""


def main() -> None:
    """Load the verifier named in the first message, then judge row after row until the input ends."""
    die_with_parent()
    questions, answers = take_pipes()
    hello = receive(questions)
    if hello is None:
        return
    # Before the verifier is loaded: what its import takes is limited too.
    limit_memory(int(hello["memory_bytes"]))
    sys.path.append(hello["folder"])
    try:
        verifier = load(hello["verifier"], hello["options"])
        if isinstance(verifier, ReadsVotes):
            from rollmill.pipelines.certify.row_votes import (
                RowVotes,  # needs our dependencies, as a verifier that reads votes does
            )

            verifier.bind(RowVotes(), "")
        suite = verifier.suite if isinstance(verifier, SuitedVerifier) else None
        suite = None if suite is None else str(suite)
        send(answers, {"name": str(verifier.name), "version": str(verifier.version), "suite": suite})
    except LoadError as error:
        send(answers, {"not_loaded": str(error)})
        return
    except AttributeError as error:
        send(answers, {"not_loaded": f"a verifier has a name and a version: {error}"})
        return
    while (question := receive(questions)) is not None:
        send(answers, {"nonce": question["nonce"], **_judged(verifier, question["row"])})
    os._exit(0)  # the verifier's threads and exit handlers are not ours to wait for


def _judged(verifier: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Verifier's verdict on a row, and whether this process was changed by it."""
    problem = Problem(row["prompt"], row["reference"], row["kind"], tuple(row["tests"]), meta=row["meta"])
    identity = f"certify-{row['number']}"
    text = row["text"]
    completion = Completion(identity, problem.prompt_id, "certify", "", "", "evaluate", 0, None, text, "stop")
    os.environ.pop(CANARY, None)
    builtins.__dict__.pop(CANARY, None)  # both are where a payload of the suites leaves its mark
    started = time.perf_counter()
    if row["threads"]:
        answer = _together(verifier, problem, completion, row["threads"])
    else:
        answer = _answered(verifier, problem, completion)
    changed = CANARY in os.environ or CANARY in builtins.__dict__
    return {**answer, "seconds": time.perf_counter() - started, "changed": changed}


def _answered(verifier: Any, problem: Problem, completion: Completion) -> dict[str, Any]:
    try:
        return _plain(verifier.verify(problem, completion))
    except BaseException as error:  # whatever it raises is the finding
        return {"raised": f"{type(error).__name__}: {_text(error)}"}


def _together(verifier: Any, problem: Problem, completion: Completion, threads: int) -> dict[str, Any]:
    """Ask one question from several threads in parallel; a crash or a disagreement is the result."""
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda _: _answered(verifier, problem, completion), range(threads)))
    crashed = [answer for answer in answers if "raised" in answer]
    if crashed:
        return crashed[0]
    outcomes = sorted({answer["outcome"] for answer in answers})
    return answers[0] if len(outcomes) == 1 else {"raised": f"different verdicts at once: {', '.join(outcomes)}"}


def _plain(verdict: Any) -> dict[str, Any]:
    """Outcome, rule and cause as plain text; anything that is not a verdict is a crash."""
    outcome = verdict.outcome
    # Not isinstance: a subclass of str may compare equal to anything.
    if type(outcome) is not str or outcome not in OUTCOMES:
        return {"raised": f"no verdict: outcome {ascii(outcome)[:_LONGEST]}"}
    return {"outcome": outcome, "rule": _text(verdict.rule), "cause": _text(verdict.cause or "")}


def _text(value: object) -> str:
    try:
        return str(value)[:_LONGEST]
    except Exception as error:
        return f"(text unavailable: {type(error).__name__})"


def load(name: str, options: Mapping[str, Any]) -> Any:
    """An instance of the named verifier; `LoadError` with a reason in one line."""
    place, colon, attribute = name.rpartition(":")
    try:
        if colon:
            return getattr(load_module(place, Path.cwd()), attribute)(**options)
        from rollmill.roles.registries import (
            registry,  # not for peers: their interpreter may have none of our dependencies
        )

        return registry("verifier")[name](**options)
    except NotLoaded as error:
        raise LoadError(str(error)) from error
    except Exception as error:
        text = " ".join(str(error).split())
        raise LoadError(f"{type(error).__name__}: {text}") from error


if __name__ == "__main__":
    main()
