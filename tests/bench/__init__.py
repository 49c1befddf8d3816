"""Benchmarks of speed and memory, as ratios or against printed bounds. None of them fails on a time.

python -m tests.bench                    all of them
python -m tests.bench press arrival      some of them

first_paint, press, setting, arrival, tabs, cards, layout and looks are about the pages; the others about the rest.
"""
