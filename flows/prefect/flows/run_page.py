"""The page of a flow run in Prefect: its name, tags, logs, artifacts and events, all of them made from what the ledger has.

A page that cannot be written stops no run: a server that was lost, or is stuck, is asked no more.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event
from prefect.logging.handlers import APILogHandler
from prefect.settings import get_current_settings

from rollmill.flows.curation.gating import GateFailed
from rollmill.flows.driver import Outcome, RecipeKind
from rollmill.flows.jobs.record import status_of
from rollmill.flows.prefect.flows.summary import About, funnel_rows, level_rows, markdown_of
from rollmill.flows.progress import Stage
from rollmill.ground.errors import FoundWanting, RollmillError
from rollmill.ground.secret_texts.known_keys import shown_search, use

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun

logger = logging.getLogger("rollmill.prefect")
PROGRESS_SECONDS = 2.0  # between two requests that move the bar


class RunLogs(APILogHandler):
    """Handler that sends what the product logs, on whatever thread, to the page of one flow run; secrets are hidden."""

    def __init__(self, flow_run: "UUID") -> None:
        super().__init__(logging.INFO)
        self._flow_run = str(flow_run)
        header = (get_current_settings().client.custom_headers or {}).get("Authorization", "")
        use("the secret of Prefect's server", header.removeprefix("Bearer "))

    def prepare(self, record: logging.LogRecord) -> dict[str, Any]:
        """The record as Prefect's API takes it."""
        task = TaskRunContext.get()
        of_run = {"flow_run_id": self._flow_run, "task_run_id": None if task is None else str(task.task_run.id)}
        return super().prepare(logging.makeLogRecord({**record.__dict__, **of_run}))

    def format(self, record: logging.LogRecord) -> str:
        """The record's text without any secret."""
        return shown_search().hide(super().format(record))


class RunPage:
    """The page of the flow run in which a job's stages are carried out."""

    def __init__(self) -> None:
        self._about: About | None = None  # while the flow is under way
        self._logs: RunLogs | None = None
        self._bar: Any = None  # the id of the progress artifact
        self._moved, self._lost = 0.0, False

    @contextmanager
    def showing(self, kind: RecipeKind[Any], target: Any) -> Iterator[None]:
        """Name the flow run after its job, send the product's logs to it, and say at the end how it ended."""
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        flow_run, product = context.flow_run, logging.getLogger("rollmill")
        about = self._about = About.of(kind, target)
        self._try(partial(_name, flow_run, about))
        self._logs, level = RunLogs(flow_run.id), product.level
        product.addHandler(self._logs)
        if not product.isEnabledFor(logging.INFO):
            product.setLevel(logging.INFO)
        logger.info("%s begins.", about.title)
        try:
            yield
        except BaseException as error:
            self._fail(about, error)
            raise
        finally:
            self._about = None
            product.removeHandler(self._logs)
            product.setLevel(level)

    def tell(self, stage: Stage) -> None:
        """Move the bar of a stage that draws; what people should know is in the log."""
        if self._about is None:
            return
        early = stage.done < stage.total and time.monotonic() - self._moved < PROGRESS_SECONDS
        if stage.name == "draw" and stage.total and not early:
            self._moved = time.monotonic()
            self._try(partial(self._move, self._about, stage))

    def _move(self, about: About, stage: Stage) -> None:
        share, words = 100 * stage.done / stage.total, f"{stage.done:,} of {stage.total:,} completions drawn"
        if self._bar is None:
            self._bar = create_progress_artifact(share, key=f"{about.slug}-drawn", description=words)
        else:
            update_progress_artifact(self._bar, share, description=words)

    def end(self, line: str, outcome: Outcome) -> None:
        """Show an outcome: its numbers, and events for what waits for them."""
        about = self._about
        assert about is not None
        logger.info("%s", line)
        self._show(about, outcome, line)
        if outcome.get("created"):
            names = ("dataset", "version", "content_hash")
            self._emit(
                "rollmill.version.published",
                f"rollmill.dataset.{outcome['dataset']}",
                f"{outcome['dataset']}@v{outcome['version']}",
                {**about.row, **{name: outcome[name] for name in names}},
            )
        self._finish(about, "done", line)

    def _fail(self, about: About, error: BaseException) -> None:
        status = status_of(error)
        if isinstance(error, FoundWanting) and status == "failed":
            status = "refused"
        text = str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"
        text = shown_search().hide(text)
        if self._logs is not None:  # and to no other handler: who began the flow says it
            self._logs.handle(logger.makeRecord(logger.name, logging.ERROR, "", 0, text, (), None))
        if isinstance(error, GateFailed):
            self._show(about, error.counts, text)
            resource = f"rollmill.dataset.{about.dataset}"
            self._emit("rollmill.gate.failed", resource, about.dataset, {**about.row, "said": text})
        self._finish(about, status, text.partition("\n")[0])

    def _finish(self, about: About, status: str, line: str) -> None:
        resource = f"rollmill.run.{about.run or about.slug}"
        self._emit("rollmill.run.finished", resource, about.title, {**about.row, "status": status, "said": line})

    def _show(self, about: About, outcome: Mapping[str, Any], line: str) -> None:
        for name, rows in (("funnel", funnel_rows(outcome)), ("rates", level_rows(outcome))):
            if rows:
                self._try(partial(create_table_artifact, rows, key=f"{about.slug}-{name}"))
        text = shown_search().hide(markdown_of(about, outcome, line))
        self._try(partial(create_markdown_artifact, text, key=f"{about.slug}-summary"))

    def _emit(self, event: str, resource: str, name: str, payload: Mapping[str, Any]) -> None:
        labels = {f"rollmill.{key}": str(payload[key]) for key in ("kind", "dataset", "status") if key in payload}
        labels |= {"prefect.resource.id": resource, "prefect.resource.name": name}
        self._try(partial(emit_event, event, labels, payload=dict(payload)))

    def _try(self, write: Callable[[], Any]) -> None:
        if self._lost:
            return
        try:
            write()
        except Exception as error:  # the ledger has it all
            self._lost = True
            logger.debug("Prefect's server does not take the page: %s", error)


def _name(flow_run: "FlowRun", about: About) -> None:
    """Give a flow run the name and the tags of its job."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=about.title, tags=list(dict.fromkeys([*flow_run.tags, *about.tags])))
