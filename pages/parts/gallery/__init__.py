"""The gallery: the component and its scripts, and what its buttons do."""
