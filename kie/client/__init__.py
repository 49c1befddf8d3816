"""The client for the service's API."""

from kie.client.client import Client, Task

__all__ = ["Client", "Task"]
