"""Renders chat templates in a worker process: `rendered` is the worker's job, and no template runs in the host.

A downloaded folder's template is somebody else's program. Jinja's sandbox keeps it from Python, but bounds neither its time
nor its memory: `{{ 'a' * 10**10 }}` is evaluated as soon as it is compiled.
"""

import datetime
import json
from functools import lru_cache
from typing import Any

from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits

JOB = f"{__name__}:rendered"
LIMITS = WorkerLimits(cpu_seconds=2.0, memory_bytes=1 << 30)
LONGEST = 16 << 20  # characters of a rendered prompt
DAY = datetime.datetime(2024, 7, 26)


def parsed_fault(text: str) -> str | None:
    """The reason why a text is no template; nothing of it is evaluated."""
    from jinja2 import TemplateError

    try:
        _environment().parse(text)
    except (TemplateError, RecursionError) as error:
        return str(error)
    return None


def rendered(question: dict[str, Any]) -> dict[str, Any]:
    """The worker's reply: the text of a template with its variables, or the reason why it refuses them."""
    from jinja2 import TemplateError

    try:
        text = _compiled(question["template"]).render(**question["variables"])
    # A template also fails with these on messages that it was not written for.
    except (TemplateError, TypeError, KeyError, AttributeError, ValueError, ArithmeticError) as error:
        return {"refused": str(error)[:2_000]}
    return {"text": text} if len(text) <= LONGEST else {"failed": "output_limit"}


@lru_cache(maxsize=4)
def _compiled(text: str) -> Any:
    return _environment().from_string(text)


def _environment() -> Any:
    """Templates as transformers renders them, but that `strftime_now` always returns one day."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = DAY.strftime
    return environment


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    """Jinja's own filter escapes for HTML, which no model was trained on."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
