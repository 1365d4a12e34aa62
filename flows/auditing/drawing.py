"""The job `audit`: random rollouts of a run drawn for people to judge, or errors planted into accepted ones."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.auditing.audits import AuditRequest, natural_audit, refreshed_rates, with_clusters
from rollmill.flows.driver import Executor, RequestKind
from rollmill.flows.progress import Progress
from rollmill.stats import Costs
from rollmill.storage.audits import Audit
from rollmill.storage.queries import Reader
from rollmill.storage.queries.judge.audits import rates_of_audit

Row = dict[str, Any]


class DrawAudit(RequestKind):
    """An audit that is drawn, or found drawn. `planted`: errors are planted instead; `dry_run`: nothing is kept."""

    def __init__(self, root: Path, request: AuditRequest, *, planted: bool = False, dry_run: bool = False) -> None:
        self.root, self.request, self.planted, self.dry_run = root, request, planted, dry_run

    @property
    def command(self) -> str:
        """The command line of the request."""
        request = self.request
        run = "" if request.run is None else f" --run {shlex.quote(request.run)}"
        planted = " --planted" if self.planted else ""
        simple = " --simple" if request.simple else ""
        return f"rollmill audit verifier {request.verifier}{run} --n {request.n} --seed {request.seed}{planted}{simple}"

    @contextmanager
    def open(self, progress: Progress) -> Iterator[Reader]:
        """The workspace's reader, which keeps audits."""
        del progress
        with Reader.open(self.root) as reader:
            yield reader

    def stages(self, reader: Reader, executor: Executor) -> Row:
        """Draw an audit, and report its state."""
        from rollmill.flows.auditing.planted import planted_audit

        drawn = planted_audit if self.planted else natural_audit
        audit = executor.stage("audit", partial(drawn, reader, self.request, dry_run=self.dry_run))
        return audit_row(reader, audit, dry_run=self.dry_run)

    def line(self, outcome: Row) -> str:
        """The audit, and how many rollouts it has."""
        return f"{outcome['audit']}: {outcome['drawn']:,} drawn"


def audit_row(reader: Reader, audit: Audit, *, costs: Costs | None = None, dry_run: bool = False) -> Row:
    """An audit as JSON values, with rates from the current judgements. `costs`: costs of a wrong answer and of a draw."""
    report = audit.report
    if audit.kind == "natural" and not dry_run:
        audit = with_clusters(reader, audit)
        report = refreshed_rates(reader, audit) if costs is None else rates_of_audit(reader.audits, audit, costs)
    return {
        "audit": audit.id,
        "kind": audit.kind,
        "verifier": audit.verifier,
        "version": audit.version,
        "source": audit.source,
        "drawn": audit.design["n"],
        "design": audit.design,
        "report": report,
        "dry_run": dry_run,
    }
