"""Generation engines by name. Importing this loads no engine library and no model; building an engine does."""

from pipelines.generate.embedded import Embedded

GENERATORS = {"embedded": Embedded}

__all__ = ["GENERATORS", "Embedded"]
