"""The job `mix`: sources opened, signals computed or read, rows chosen and reconciled, each source's gate, publication."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import Executor, Outcome, RequestKind
from rollmill.flows.job import Job
from rollmill.flows.mixing.choosing import MixedRows, choose_rows
from rollmill.flows.mixing.mix_recipe import LoadedMixture, load_mixture
from rollmill.flows.mixing.mix_snapshot import MixturePart, mixture_parts, mixture_snapshot, with_manifest
from rollmill.flows.mixing.mix_sources import OpenedSource, open_sources
from rollmill.flows.mixing.reconciliation import SourceCounts, reconciled, require_declared
from rollmill.flows.mixing.signals import StoredSignals, signals_of
from rollmill.flows.mixing.thresholds import Sifted, sifted
from rollmill.flows.progress import Progress
from rollmill.ground.errors import FoundWanting
from rollmill.storage.run_records import NOTHING_NEW
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from rollmill.pipelines.gate import GateResult


@dataclass(frozen=True, slots=True)
class MixtureSession:
    """A running mixture. `messages`: lines about repairs after an earlier command."""

    workspace: Workspace
    progress: Progress
    messages: list[str]


@dataclass(frozen=True, slots=True)
class MixtureRows:
    """A mixture before its gate: its sources, its signals, every row's reason, and the counts."""

    sources: Sequence[OpenedSource]
    signals: StoredSignals
    sifted: Sifted
    mixed: MixedRows
    counts: Sequence[SourceCounts]


class Mixture(RequestKind):
    """A mixture to a dataset version; equal content is no new version."""

    def __init__(self, job: Job, loaded: LoadedMixture | None = None) -> None:
        self.job, self.loaded = job, loaded or load_mixture(Path(job.recipe), sets=job.sets)

    def recipe(self) -> dict[str, Any]:
        """Canonical form of the recipe."""
        return self.loaded.canonical()

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command

    @contextmanager
    def open(self, progress: Progress) -> Iterator[MixtureSession]:
        """The workspace, repaired after a killed command."""
        from rollmill.storage.versions.publish import finish_interrupted

        with Workspace.open(Path(self.job.workspace)) as workspace:
            yield MixtureSession(workspace, progress, [*workspace.recover(), *finish_interrupted(workspace)])

    def stages(self, session: MixtureSession, executor: Executor) -> Outcome:
        """Sources, choice, gate, publication; CountsDiffer or FoundWanting if nothing is published."""
        rows = executor.stage("select", partial(chosen_rows, session.workspace, self.loaded), run=self.loaded.recipe.name)
        require_declared(self.loaded, rows.counts, rows.mixed)
        parts, snapshot = self._snapshot(rows)
        result = executor.stage("gate", partial(self._gate, session, parts, rows), run=self.loaded.recipe.name)
        work = partial(self._publish, session, snapshot, result, rows)
        return executor.stage("publish", work, run=self.loaded.recipe.name)

    def _snapshot(self, rows: MixtureRows) -> tuple[list[MixturePart], Snapshot]:
        method = self.loaded.method.build()
        parts = mixture_parts(rows.sources, rows.sifted, rows.mixed, (method.name, str(method.version)))
        bare = mixture_snapshot(self.loaded, parts)
        return parts, with_manifest(self.loaded, bare, rows.sources, rows.counts, rows.mixed, rows.signals)

    def _gate(self, session: MixtureSession, parts: Sequence[MixturePart], rows: MixtureRows) -> "GateResult":
        """The checks of each source's rows by its own verifiers, and those of the counts."""
        from rollmill.flows.mixing.mix_gate import check_parts
        from rollmill.pipelines.gate import render_report

        result = check_parts(parts, self.loaded.recipe.gate, rows.counts)
        if result.passed:
            return result
        report = session.workspace.state / "gate" / f"mix-{self.loaded.recipe.name}.html"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(render_report(result, {"recipe": self.recipe()}), encoding="utf-8")
        lines = "\n".join(f"  {line}" for line in result.lines())
        raise FoundWanting(
            f"the gate of the mixture did not pass; nothing is published.\n{lines}",
            next_command=f"{report.relative_to(session.workspace.root)} has every check with its rows",
        )

    def _publish(self, session: MixtureSession, snapshot: Snapshot, result: "GateResult", rows: MixtureRows) -> Outcome:
        from rollmill.flows.recipe.servers import server_keys
        from rollmill.pipelines.gate import render_report
        from rollmill.storage.versions.publish import publish

        manifest = {**snapshot.manifest, "gate_checks": result.measures()}
        published = publish(
            session.workspace,
            replace(snapshot, manifest=manifest),
            report_html=render_report(result, {**manifest, "gate": result.json}),
            report_json=result.json,
            again=self.job.publish_again,
            keys=server_keys(session.workspace.root),
        )
        version = published.version
        return {
            **outcome_row(self.loaded, rows),
            "dataset": version.name,
            "version": version.number,
            "created": published.created,
            "content_hash": version.content_hash,
            "path": str(version.path),
            "messages": [*session.messages, *published.messages],
        }

    def line(self, outcome: Outcome) -> str:
        """The version, and its rows."""
        created = "published" if outcome["created"] else NOTHING_NEW
        return f"{outcome['dataset']}@v{outcome['version']} {created}, {outcome['kept']:,} rows"


def chosen_rows(workspace: Workspace, loaded: LoadedMixture) -> MixtureRows:
    """The mixture as it would be: every row's reason and the counts. Stores the signal table, publishes nothing."""
    sources = open_sources(workspace, loaded)
    signals = signals_of(workspace, loaded, sources)
    rows = sifted(loaded, signals)
    mixed = choose_rows(loaded, rows)
    return MixtureRows(sources, signals, rows, mixed, reconciled(sources, rows, mixed))


def outcome_row(loaded: LoadedMixture, rows: MixtureRows) -> Outcome:
    """Counts of a mixture as JSON values."""
    return {
        "mixture": loaded.recipe.name,
        "declared": sum(rows.mixed.declared.values()),
        "kept": sum(row.kept for row in rows.counts),
        "sources": [row.row() for row in rows.counts],
        "chosen": dict(rows.mixed.chosen),
        "signals": {"path": str(rows.signals.path), "digest": rows.signals.digest, "made": rows.signals.made},
    }
