"""Model servers of our own: started for a command, watched, started again when they die, ended with it."""

from pipelines.generate.serving.local_model import LocalModel
from pipelines.generate.serving.local_servers import LocalServers

__all__ = ["LocalModel", "LocalServers"]
