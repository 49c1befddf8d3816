"""python -m kie.sandbox: serve the double alone."""

from kie.sandbox.server import main

if __name__ == "__main__":
    main()
