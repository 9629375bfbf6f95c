"""The key that links are signed with: derived from a key in AWS KMS, so that it is stored nowhere.

KMS makes the same code of the same message with the same key, and only for roles that may ask
(https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html). It is asked once in an execution
environment: links are then signed and verified here, at no call each.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws.single_flight import single_flight

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_kms import KMSClient

_MESSAGE: Final = b"carillon: the key of links, 1"
"""Another number makes another key, and every link that is out there void."""


def link_key(key_id: str, client: "KMSClient") -> "Callable[[], bytes]":
    """Return what returns the key, 32 bytes; it calls `kms:GenerateMac` when it is asked for the first time."""

    @single_flight
    @cache
    def derive() -> bytes:
        return client.generate_mac(KeyId=key_id, Message=_MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]

    return derive
