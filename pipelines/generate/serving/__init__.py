"""Model servers of our own: started for a command, watched, started again when they die, ended with it."""

from pipelines.generate.serving.local import LocalServers
from pipelines.generate.serving.settings import LocalModel

__all__ = ["LocalModel", "LocalServers"]
