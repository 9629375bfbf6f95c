"""Telling of an item of the log that cannot be read: by its key, as its values may be personal."""

from handlers.adapters.aws.dynamo import Item
from handlers.adapters.aws.log_keys import key_of
from handlers.observability import describe, logger


def tell_unreadable(item: Item, error: Exception) -> None:
    """Say in the function's log which item it is, and what kind of error."""
    key = {name: value["S"] for name, value in key_of(item).items()}
    logger.error("log item unreadable", **key, **describe(error))
