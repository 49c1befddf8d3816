"""Picture files: on disk, checked, decoded in a child process, converted, with metadata."""
