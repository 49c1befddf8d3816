"""Run the benchmarks named on the command line, or all."""

import sys

from tests.bench import (
    arrival,
    cards,
    composer,
    crowd,
    first_paint,
    history,
    layout,
    looks,
    memory,
    press,
    setting,
    statements,
    tabs,
    takeaway,
)

ALL = {
    "first_paint": first_paint,
    "press": press,
    "setting": setting,
    "arrival": arrival,
    "tabs": tabs,
    "cards": cards,
    "layout": layout,
    "looks": looks,
    "memory": memory,
    "crowd": crowd,
    "composer": composer,
    "history": history,
    "statements": statements,
    "takeaway": takeaway,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"\n{name}: {ALL[name].__doc__.splitlines()[0]}", flush=True)
        ALL[name].run()
