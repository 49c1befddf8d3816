"""Run the benchmarks that are named, or all."""

import sys

from tests.bench import arrival, composer, crowd, first_paint, history, memory, press, tabs, takeaway

ALL = {
    "press": press,
    "arrival": arrival,
    "first_paint": first_paint,
    "tabs": tabs,
    "memory": memory,
    "crowd": crowd,
    "composer": composer,
    "history": history,
    "takeaway": takeaway,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"\n{name}: {ALL[name].__doc__.splitlines()[0]}", flush=True)
        ALL[name].run()
