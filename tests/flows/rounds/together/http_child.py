"""A run over HTTP, for tests that kill it."""

from rollmill.flows.rounds import QueueLimits
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from tests.flows.rounds.toy import ToyRun, problems, spec

SAMPLES = 10
CONCURRENCY = 32


def http_spec(urls: list[str], rows: int) -> ToyRun:
    """Rows of sums, ten samples each, in batches of 50, four batches side by side."""
    servers = tuple(Server(url, concurrency=CONCURRENCY) for url in urls)
    return spec(
        engine=lambda: OpenAI("toy", http=HttpSettings(servers, backoff_seconds=0.05, patience=20.0)),
        problems=problems(rows // SAMPLES),
        budget=Fixed(initial=SAMPLES),
        batch_size=50,
        limits=QueueLimits(draw_workers=4, uncommitted=5, unjudged=7, poll_seconds=0.02),
    )
