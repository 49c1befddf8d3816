"""A local double of the service. Shares no code with the client."""

from kie.sandbox.server import Sandbox

__all__ = ["Sandbox"]
