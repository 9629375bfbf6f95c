"""Runs a module or file for as long as the process that started it lives: `python -P lifeline.py <it> [argument …]`.

The starter holds the other end of this process's standard input. However it dies, SIGKILL included, the pipe closes
and this process gets a SIGTERM: nothing is left running, unless the starter has written `DETACH` to let it live on.
Standard library only: the emulator's environment, which has nothing of ours, runs it too.
"""

import os
import runpy
import signal
import sys
import threading

DETACH = b"detach"


def _stop_when_alone() -> None:
    # Unbuffered: a thread blocked inside `sys.stdin`'s buffer lock would make a normal interpreter exit fail.
    while received := os.read(0, len(DETACH)):
        if received == DETACH:
            return
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_when_alone, name="lifeline", daemon=True).start()
    sys.argv = sys.argv[1:]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
