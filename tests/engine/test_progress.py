from io import StringIO

from rich.console import Console

from local.engine.progress import ConsoleProgress
from local.engine.steps import Operation, Step

URN = "urn:pulumi:test::small::aws:sqs/queue:Queue::queue"


def shown(*, terminal: bool) -> str:
    output = StringIO()
    with ConsoleProgress(Console(file=output, force_terminal=terminal, width=100)) as progress:
        progress.started(URN)
        progress.message("from the [program]")
        progress.finished(Step(URN, "aws:sqs/queue:Queue", Operation.CREATE))
        progress.finished(Step(URN + "-old", "aws:sqs/queue:Queue", Operation.SAME))
    return output.getvalue()


def test_without_a_terminal_there_is_a_plain_line_for_each_change_and_message() -> None:
    assert shown(terminal=False) == "from the [program]\ncreate aws:sqs/queue:Queue queue\n"


def test_on_a_terminal_one_live_line_tells_how_many_are_done_and_which_are_not() -> None:
    text = shown(terminal=True)
    assert "0 resources; creating queue" in text
    assert "from the [program]" in text
    assert "create aws:sqs/queue" not in text
