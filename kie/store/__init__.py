"""The store: everything that is persisted except files."""

from kie.store.references import Reference
from kie.store.store import Store

__all__ = ["Reference", "Store"]
