"""`python -m tests.chaos matrix` and `python -m tests.chaos soak`."""

if __name__ == "__main__":
    # Here, as the processes of functions load this module's name and must not load all of this.
    from tests.chaos.commands import app

    app()
