"""Returns large blocks of freed memory to the system.

After the first freed block of 30 MB, glibc raises its thresholds and keeps such blocks: after eight references the
server stayed 400 MB larger. Fixed thresholds prevent that.
"""

import ctypes
import os

BLOCK = 256 * 1024
# Constants of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def return_large_blocks() -> None:
    """Have blocks above 256 KB mapped separately and unmapped when freed. Does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, BLOCK)
        mallopt(_TRIM_THRESHOLD, BLOCK)
