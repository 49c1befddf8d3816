"""A local double of the service. Shares only the list of options and the errors with the client."""

from kie.sandbox.server import Sandbox

__all__ = ["Sandbox"]
