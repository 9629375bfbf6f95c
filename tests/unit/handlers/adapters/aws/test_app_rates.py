"""An app held to its rate, by what its table's writes say; the table itself is in tests/emulator."""

from datetime import timedelta

import boto3
from botocore.exceptions import EndpointConnectionError

from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.domain.callers import Rate
from tests.unit.handlers.samples import NOW


def test_who_cannot_be_counted_is_let_in() -> None:
    client = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="s")

    def unreached(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    client.update_item = unreached  # type: ignore[method-assign,assignment]
    assert DynamoAppRates("limits", lambda: client).wait("billing", Rate(1, 1), NOW) is None


def test_a_rate_is_never_faster_than_it_says() -> None:
    for per_second in (1, 3, 7, 499, 500):
        rate = Rate(per_second, 10)
        assert timedelta(microseconds=rate.interval) * per_second >= timedelta(seconds=1)
        assert rate.tolerance == 9 * rate.interval
