"""The gallery: the component and its scripts, and the actions of its buttons."""
