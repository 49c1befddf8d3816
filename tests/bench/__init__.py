"""Speed and memory, each as a ratio or against a bound that is printed beside it. Nothing here fails on a time.

python -m tests.bench                    all of them
python -m tests.bench press arrival      some
"""
