"""OpenTelemetry: spans and counters reach a collector by the standard variables, and nothing is imported without them."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.flows.conftest import finish, start

pytestmark = pytest.mark.integration
CURATE = ("curate", "toy.yaml", "--direct", "--json")


class Collector(http.server.BaseHTTPRequestHandler):
    """The two roads of OTLP over HTTP, which keep what they are sent."""

    got: dict[str, list[bytes]]

    def do_POST(self) -> None:
        self.got.setdefault(self.path, []).append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """Address of a collector on loopback, and the requests that it gets by path."""
    got: dict[str, list[bytes]] = {}
    handler = type("Kept", (Collector,), {"got": got})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


def test_a_collector_gets_a_span_of_each_stage_and_its_rows(
    toy: Path, collector: tuple[str, dict[str, list[bytes]]]
) -> None:
    address, got = collector
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    ended = finish(start(*CURATE, cwd=toy, **environment))
    assert ended.status == 0, ended.err
    sent = [ExportTraceServiceRequest.FromString(body) for body in got["/v1/traces"]]
    spans = [
        span for request in sent for part in request.resource_spans for scope in part.scope_spans for span in scope.spans
    ]
    [job] = [span for span in spans if not span.parent_span_id]
    assert job.name == "curate"
    names = {span.name for span in spans if span.parent_span_id == job.span_id}
    assert {"synthesize", "draw", "verify", "select", "gate", "publish"} <= names
    assert len({span.trace_id for span in spans}) == 1
    measured = [ExportMetricsServiceRequest.FromString(body) for body in got["/v1/metrics"]]
    metrics = [metric for part in measured[-1].resource_metrics for scope in part.scope_metrics for metric in scope.metrics]
    points = {metric.name: metric.sum.data_points for metric in metrics}
    rows = {point.attributes[0].value.string_value: point.as_int for point in points["rollmill.rows"]}
    drawn = json.loads(ended.out)["funnel"]["drawn"]
    assert (rows["draw"], rows["verify"]) == (drawn, drawn)
    assert b"What is" not in b"".join(body for bodies in got.values() for body in bodies)


def test_an_exporter_that_is_none_is_refused_before_anything_is_drawn(toy: Path) -> None:
    ended = finish(start(*CURATE, cwd=toy, OTEL_TRACES_EXPORTER="consol"))
    assert ended.status == 2
    assert "unknown exporter in OTEL_TRACES_EXPORTER 'consol'. Did you mean 'console'?" in ended.err
    assert not (toy / "datasets").exists()
