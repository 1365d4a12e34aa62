"""A processor."""

from types import SimpleNamespace

current_platform = SimpleNamespace(is_cpu=lambda: True, get_device_name=lambda: "toy")
