"""The object that pages use, and its parts."""

from kie.studio.studio import Studio

__all__ = ["Studio"]
