"""Data Docs of a stored result: the pages that the library makes. They load scripts and fonts from outside hosts.

Texts of the suite and the result are made inert first: `<` reads ‹ in the pages.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rollmill.pipelines.gate.engine import ephemeral, expectation_of, quiet
from rollmill.pipelines.gate.inert_results import inert_entry, inert_results
from rollmill.pipelines.gate.suite import Entry


def write_data_docs(out: Path, name: str, at: str, suite: Sequence[Entry], validation: Mapping[str, Any]) -> Path:
    """Write the pages of a version into a folder, a suite and a result for each table; its index.html."""
    with quiet() as gx:
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.resource_identifiers import (
            ExpectationSuiteIdentifier,
            ValidationResultIdentifier,
        )

        context = ephemeral(gx)
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(out.resolve())}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        context.add_data_docs_site(
            "version", {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        )
        for table in dict.fromkeys(entry["table"] for entry in suite):
            title = f"{name} {table}"
            entries = [inert_entry(entry) for entry in suite if entry["table"] == table]
            own = [expectation_of(gx, entry) for entry in entries]
            context.suites.add(gx.ExpectationSuite(name=title, expectations=own))
            results = inert_results(validation, table, [entry["type"] for entry in entries])
            passed = sum(result["success"] for result in results)
            counts = {"evaluated_expectations": len(results), "successful_expectations": passed}
            counts |= {
                "unsuccessful_expectations": len(results) - passed,
                "success_percent": 100 * passed / max(1, len(results)),
            }
            part = {"results": results, "statistics": counts, "success": passed == len(results), "meta": {}}
            result = expectationSuiteValidationResultSchema.load({**part, "suite_name": title, "suite_parameters": {}})
            identifier = ExpectationSuiteIdentifier(title)
            key = ValidationResultIdentifier(
                identifier, RunIdentifier(run_name=name, run_time=datetime.fromisoformat(at)), table
            )
            context.validation_results_store.set(key, result)
        context.build_data_docs(site_names=["version"])
    return out / "index.html"
