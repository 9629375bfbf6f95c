"""What the log's table holds of a delivery says, read again, what was accepted."""

from handlers.adapters.aws.log_items import delivery_item, delivery_of
from handlers.domain.content.values import read_json, write_json
from tests.unit.handlers.samples import delivery


def test_the_data_keep_every_number_as_it_was_written() -> None:
    text = '{"price":10.00,"lines":[{"n":1e3},-0,null,true],"big":123456789012345678901234567890}'
    given = delivery(data=read_json(text))
    item = delivery_item(given)
    assert item["data"] == {"S": text}
    assert delivery_of(item) == given
    assert write_json(delivery_of(item).data) == text
