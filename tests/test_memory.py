"""What a large picture took goes back to the system as soon as it is done with."""

import subprocess
import sys

from kie.settings import ROOT

# Says how many MB more a process holds after it has used and freed 96 MB eight times, with small blocks between.
HELD = """
from pathlib import Path
from kie.memory import return_large_blocks

return_large_blocks()

def resident_mb():
    pages = Path("/proc/self/statm")  # Linux alone has it, and the trouble with it
    return int(pages.read_text().split()[1]) * 4 / 1024 if pages.exists() else 0.0

before = resident_mb()
for _ in range(8):
    blocks = [bytearray(b"x") * (24 * 2**20) for _ in range(4)]
    small = bytearray(b"y") * 2**20
    del blocks
print(resident_mb() - before)
"""


def test_memory_falls_back_to_where_it_was() -> None:
    run = subprocess.run([sys.executable, "-c", HELD], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 10
