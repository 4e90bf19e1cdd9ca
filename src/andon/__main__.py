"""`python -m andon`: the command line, wherever its script is not on the path."""

from andon.cli.main import main

if __name__ == "__main__":
    main()
