"""The observer: a function that follows the log by its table's stream.

A stream keeps records for 24 hours, and each of its shards in order: a batch that fails holds up those behind it. So a
batch is halved until what fails is alone, and what still fails after six hours is given up, whose shard and sequence
numbers are left in the quarantine: there are 18 hours left to read it from the stream.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Function, FunctionArgs

# A delivery makes three records on its way, so most of what belongs together is in one batch, and is counted once.
# One transaction takes a hundred writes: of 200 records there are about 70 deliveries.
_BATCH = 200
_WINDOW_SECONDS = 10
_GIVEN_UP_AFTER = 6 * 3600


@dataclass(frozen=True)
class ObserverArgs:
    """The function, the stream that it reads, and where Lambda tells of what is given up."""

    function: FunctionArgs
    stream_arn: pulumi.Output[str]
    quarantine_arn: pulumi.Output[str]


class Observer(pulumi.ComponentResource):
    """A function that is fed from the log's stream."""

    def __init__(self, name: str, args: ObserverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Observer", name, {}, opts)
        self._args = args
        function = Function("observer", args.function, self._child)
        aws.lambda_.EventSourceMapping(
            "observer-stream",
            event_source_arn=args.stream_arn,
            function_name=function.alias_arn,
            # From the oldest record on: with LATEST those would be missed that are written while this is made.
            starting_position="TRIM_HORIZON",
            batch_size=_BATCH,
            maximum_batching_window_in_seconds=_WINDOW_SECONDS,
            # One at a time of each shard: two would write the same counters at once.
            parallelization_factor=1,
            bisect_batch_on_function_error=True,
            # No bound on attempts: nothing in a record makes it fail for ever, so what fails is a table that is not
            # served. How long that may last is what matters.
            maximum_record_age_in_seconds=_GIVEN_UP_AFTER,
            function_response_types=["ReportBatchItemFailures"],
            destination_config={"on_failure": {"destination_arn": args.quarantine_arn}},
            opts=self._child,
        )
        self.register_outputs({})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)
