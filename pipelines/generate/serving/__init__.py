"""Model servers of our own: started for a command, watched, started again when they die, ended with it."""

from rollmill.pipelines.generate.serving.local_model import LocalModel
from rollmill.pipelines.generate.serving.local_servers import LocalServers

__all__ = ["LocalModel", "LocalServers"]
