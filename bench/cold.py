"""Cold starts, as `bench.cold_start` measures them: one more group of the table."""

from dataclasses import asdict

from bench import cold_start
from bench.environment import Running
from bench.progress import Step
from bench.results import Line, Part


def measure(running: Running, step: Step) -> Part:
    """Import each function in a fresh process, against boto3 and Powertools alone."""
    del running  # it needs none
    found = list(cold_start.measure(step))
    lines = [
        Line(f"{each.function}, {what} ÷ boto3 and Powertools alone", ratio, "×", at_most=cold_start.TARGET)
        for each in found
        for what, ratio in (("CPU", each.cpu_ratio), ("memory", each.memory_ratio))
    ]
    return Part("Cold start", lines, [asdict(each) for each in found])
