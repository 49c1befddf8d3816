"""Run the benchmarks named on the command line, or all."""

import sys
from importlib import import_module

ALL = (
    *("first_paint", "press", "setting", "arrival", "tabs", "cards", "layout", "looks", "memory", "crowd"),
    *("composer", "history", "statements", "takeaway"),
)

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        benchmark = import_module(f"tests.bench.{name}")
        print(f"\n{name}: {benchmark.__doc__.splitlines()[0]}", flush=True)
        benchmark.run()
