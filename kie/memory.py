"""Give large blocks of memory back to the system as soon as they are free.

The C library of Linux learns from the first freed block of 30 MB to keep such blocks for later: after eight references
the server stayed 400 MB larger for good. With fixed limits it falls back to where it was.
"""

import ctypes
import os

BLOCK = 256 * 1024
# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def return_large_blocks() -> None:
    """Have every block above 256 KB mapped on its own and returned when freed. Does nothing where there is no glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, BLOCK)
        mallopt(_TRIM_THRESHOLD, BLOCK)
