"""Runs one function in a process of its own, as Lambda does: `python -m bench.invocation <module> <function name>`.

Reads `{"event", "watch"}` from stdin, one JSON a line, and answers each with `{"answer", "calls", "log", "cpu_ms"}`.
What the function prints is its log. Without `watch` nothing but the function itself takes processor time.
"""

import importlib
import io
import json
import os
import sys
import time
import uuid
from dataclasses import asdict, dataclass

from bench.watching import Watch


@dataclass(frozen=True)
class Context:
    """Lambda's context object, as far as functions ask it."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    function_version: str = "12"

    def get_remaining_time_in_millis(self) -> int:
        """Plenty."""
        return 20_000


def main() -> None:
    """Serve until stdin ends."""
    module, name = sys.argv[1:]
    answers, sys.stdout = sys.stdout, io.StringIO()
    watch = Watch()
    handler = importlib.import_module(module).handler
    arn = f"arn:aws:lambda:{os.environ['AWS_REGION']}:123456789012:function:{name}:live"
    for line in sys.stdin:
        asked = json.loads(line)
        log = sys.stdout
        log.seek(0)
        log.truncate()
        watch.on = asked["watch"]
        begun = time.process_time()
        answer = handler(asked["event"], Context(name, arn, str(uuid.uuid4())))
        spent = time.process_time() - begun
        told = {
            "answer": answer,
            "calls": [asdict(call) for call in watch.take()],
            "log": log.getvalue(),
            "cpu_ms": 1000 * spent,
        }
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
