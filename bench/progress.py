"""How far a benchmark is: it calls its step with what it does now."""

from collections.abc import Callable

Step = Callable[[str], None]
