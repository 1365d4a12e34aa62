"""OpenTelemetry of jobs: a span for each job and each of its stages, and counters of rows and tokens by stage.

Off, and not imported, unless a standard variable asks for it: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER,
OTEL_METRICS_EXPORTER. Where the process has providers already (`opentelemetry-instrument rollmill ...`), these are used.
Attributes are names and counts; no text of a prompt or an answer and no key is among them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError, unknown_name

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter
    from opentelemetry.trace import Tracer

EXPORTERS: Mapping[str, str] = {"traces": "OTEL_TRACES_EXPORTER", "metrics": "OTEL_METRICS_EXPORTER"}
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
INSTALL = "pip install 'rollmill[otel]'"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"


def is_on() -> bool:
    """True if a variable of OpenTelemetry asks for spans or counters."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(map(_exporters, EXPORTERS))


@contextmanager
def span_of_job(name: str) -> Iterator[None]:
    """The span of a whole job; SetupError for exporters that are not there, before the job begins."""
    if is_on():
        _counters()
    with span(name):
        yield


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """A span around some work; an error of the work is recorded with it."""
    if not is_on():
        yield
        return
    with _tracer().start_as_current_span(name, attributes={f"rollmill.{key}": value for key, value in attributes.items()}):
        yield


class Meter:
    """Counters `rollmill.rows` and `rollmill.tokens` of the stages of a job."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, stage: str, rows: int, tokens: int) -> None:
        """Count what a stage has done beyond its last report; `rows` and `tokens` are its sums."""
        if not is_on():
            return
        before = self._seen.get(stage, (0, 0))
        self._seen[stage] = rows, tokens
        for counter, more in zip(_counters(), (rows - before[0], tokens - before[1]), strict=True):
            if more > 0:
                counter.add(more, {"rollmill.stage": stage})


def _exporters(signal: str) -> list[str]:
    """Names of the exporters of a signal (`traces`, `metrics`); `otlp` where an endpoint alone is named."""
    named = os.environ.get(EXPORTERS[signal], "otlp" if os.environ.get(ENDPOINT) else "")
    return [name.strip() for name in named.split(",") if name.strip() not in ("", "none")]


@cache
def _tracer() -> "Tracer":
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) and (names := _exporters("traces")):
        with _explained():
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            provider = TracerProvider(resource=_resource())
        for name in names:
            provider.add_span_processor(BatchSpanProcessor(_exporter("traces", name)))
        trace.set_tracer_provider(provider)
    return trace.get_tracer("rollmill")


@cache
def _counters() -> "tuple[Counter, Counter]":
    from opentelemetry import metrics

    if names := _exporters("metrics"):
        with _explained():
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        if not isinstance(metrics.get_meter_provider(), MeterProvider):
            readers = [PeriodicExportingMetricReader(_exporter("metrics", name)) for name in names]
            metrics.set_meter_provider(MeterProvider(readers, resource=_resource()))
    meter = metrics.get_meter("rollmill")
    return (
        meter.create_counter("rollmill.rows", "{row}", "Rows that a stage has done."),
        meter.create_counter("rollmill.tokens", "{token}", "Tokens that were drawn."),
    )


def _resource() -> Any:
    """Attributes of this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come first."""
    from opentelemetry.sdk.resources import Resource

    return Resource.create() if "OTEL_SERVICE_NAME" in os.environ else Resource.create({"service.name": "rollmill"})


def _exporter(signal: str, name: str) -> Any:
    """The exporter that an installed package has under a standard name."""
    protocol = os.environ.get(_PROTOCOL, "http/protobuf")
    full = {"otlp": "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"}.get(name, name)
    known = {point.name: point for point in entry_points(group=f"opentelemetry_{signal}_exporter")}
    if full not in known:
        if name == "otlp":
            raise SetupError(f"{signal} cannot be sent by {full}: its package is not installed.", next_command=INSTALL)
        raise unknown_name(f"exporter in {EXPORTERS[signal]}", name, ["otlp", *known], next_command=INSTALL)
    return known[full].load()()


@contextmanager
def _explained() -> Iterator[None]:
    """SetupError where OpenTelemetry's SDK is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SetupError(f"OpenTelemetry is asked for by OTEL_ variables: {error}.", next_command=INSTALL) from None
