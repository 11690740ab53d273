"""`python -m vifex` is the command `vifex`."""

from vifex.cli import main

if __name__ == "__main__":
    main()
