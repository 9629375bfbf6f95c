"""What there is to tell about a deployment: live messages, and the reasons why it fails."""

import threading

from local.engine.errors import DeploymentFailed
from local.engine.progress import Progress
from local.engine.redaction import Redactor
from local.engine.steps import Step, name_of

_LAST_LINES = 15


class Diagnostics:
    """Collects from many threads; nothing leaves it with a secret in it."""

    def __init__(self, progress: Progress, redactor: Redactor) -> None:
        self._progress = progress
        self._redactor = redactor
        self._lock = threading.Lock()
        self._failures: list[str] = []
        self._errors: list[str] = []
        self._printed: list[str] = []

    @property
    def failing(self) -> bool:
        """Whether something failed, so that nothing new is to be started."""
        return bool(self._failures)

    def started(self, urn: str) -> None:
        """The resource is being created."""
        self._progress.started(urn)

    def finished(self, step: Step) -> None:
        """The resource is done."""
        self._progress.finished(step)

    def say(self, text: str) -> None:
        """Something to read now."""
        self._progress.message(self._redactor.clean(text))

    def printed(self, line: str) -> None:
        """A line that the program printed."""
        with self._lock:
            self._printed = [*self._printed, line][-_LAST_LINES:]
        self.say(line)

    def program_error(self, text: str) -> None:
        """An error that the program, or its runtime, reports.

        Once a resource has failed the runtime only reports that failure again, with a traceback of its own inside.
        """
        if not self.failing:
            with self._lock:
                self._errors.append(self._redactor.clean(text))
            self.say(f"error: {text}")

    def fail(self, reason: str, urn: str = "") -> str:
        """Remember why the deployment fails, and return it as it may be shown."""
        about = f"{urn.split('::')[2].rpartition('$')[2]} {name_of(urn)}: " if urn else ""
        shown = self._redactor.clean(about + reason)
        with self._lock:
            self._failures.append(shown)
        return shown

    def conclude(self, exit_code: int) -> None:
        """`DeploymentFailed` with every reason, unless all went well."""
        reasons = self._failures or (self._ending(exit_code) if exit_code else [])
        if reasons:
            raise DeploymentFailed("\n".join(reasons))

    def _ending(self, exit_code: int) -> list[str]:
        last = self._errors or [self._redactor.clean(line) for line in self._printed]
        return [f"the program ended with exit code {exit_code}", *last]
