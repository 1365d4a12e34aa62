"""A suite of expectations validated on a published version: its own, that of an older version, or a file of a person."""

from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.pipelines.gate import GateResult
    from rollmill.storage.versions.resolve import VersionInfo


def check_version(info: "VersionInfo", suite: Path | None) -> "GateResult":
    """The result of a suite on a version, without a suite on its own. Evaluation problems are compared in `curate` only."""
    from rollmill.flows.recipe.methods import resolve as method
    from rollmill.ground.recipe_steps import first_step
    from rollmill.pipelines.gate import Provenance, check_suite
    from rollmill.pipelines.gate.suite_file import read_suite
    from rollmill.pipelines.verify.acceptance import policy_part
    from rollmill.roles.registries import registry
    from rollmill.storage.versions.composition import version_composition
    from rollmill.storage.versions.read import fixed_prefix, is_here, load_snapshot
    from rollmill.storage.versions.resolve import versions

    entries = read_suite(own_suite(info) if suite is None else suite)
    snapshot = load_snapshot(info)
    manifest = snapshot.manifest
    recipe = manifest.get("recipe", {})
    before = next((old for old in versions(info.path.parent.parent, info.name) if old.content_hash == info.parent), None)
    drifts = []
    if before is not None and is_here(before) and any(own["type"] == "expect_drift_to_be_at_most" for own in entries):
        from rollmill.metrics.drift import drifts as measured

        drifts = measured(version_composition(before), version_composition(info))
    part = policy_part(recipe)
    if part["method"] not in registry("policy"):
        raise SetupError(
            f"{info.ref} was accepted by {part['method']}, whose code is not run here.",
            next_command=f"rollmill dataset verify {info.ref}",
        )
    provenance = Provenance(
        verifiers=tuple((row["name"], row["version"]) for row in manifest["verifiers"]),
        prefix=fixed_prefix(manifest),
        step=first_step(recipe),
        policy=method("policy", part["method"], part.get("options", {}), base=info.path).build(),
        before=None if before is None else before.content_hash,
        replies=manifest.get("funnel", {}).get("replies", {}),
        drifts=drifts,
    )
    return check_suite(entries, snapshot, provenance)


def own_suite(info: "VersionInfo") -> Path:
    """The file with the suite of a version, its bytes compared; SetupError for a version of before there were suites."""
    from rollmill.storage.versions.read import checked_text

    path = info.path / "suite.yaml"
    if not path.is_file():
        raise SetupError(
            f"{info.ref} was published without a suite.", next_command=f"rollmill dataset check {info.ref} --suite FILE"
        )
    checked_text(info, path.name)
    return path


def write_docs(info: "VersionInfo", out: Path) -> Path:
    """Write Data Docs of the result that a version was published with; its first page."""
    from rollmill.pipelines.gate.data_docs import write_data_docs
    from rollmill.pipelines.gate.inert_results import stored_result
    from rollmill.pipelines.gate.suite_file import read_suite
    from rollmill.storage.versions.read import checked_text

    suite = read_suite(own_suite(info))
    validation = stored_result(checked_text(info, "validation.json"), f"validation.json of {info.ref}")
    return write_data_docs(out, info.ref, info.created_at, suite, validation)
