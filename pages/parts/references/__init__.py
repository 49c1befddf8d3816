"""The strip of references: the component and its scripts."""
