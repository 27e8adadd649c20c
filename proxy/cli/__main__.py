"""`python -m proxy.cli` is the `tollgate` command: parents start their children by it."""

from proxy.cli import main

if __name__ == "__main__":
    main(prog_name="tollgate")
