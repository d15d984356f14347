"""`python -m quadrat` is the command line."""

from quadrat.cli import main

if __name__ == "__main__":
    main()
