"""Runs a module for as long as the process that started it lives: `python -P lifeline.py <module> [argument …]`.

The starter holds the other end of this process's standard input. However it dies, SIGKILL included, the pipe closes
and this process gets a SIGTERM: nothing is ever left running. Standard library only: the emulator's environment, which
has nothing of ours, runs it too.
"""

import os
import runpy
import signal
import sys
import threading


def _stop_when_alone() -> None:
    # Unbuffered: a thread blocked inside `sys.stdin`'s buffer lock would make a normal interpreter exit fail.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_when_alone, name="lifeline", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
