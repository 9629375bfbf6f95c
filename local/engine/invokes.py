"""The provider functions that the program may ask: what is known of the emulated account without asking it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from local.engine.aws import PARTITION
from local.engine.emulator import Emulator
from local.engine.errors import ResourceError


def invoke(token: str, emulator: Emulator) -> Mapping[str, Any]:
    """The answer of a provider function; `ResourceError` when it is not one of these."""
    try:
        return _FUNCTIONS[token](emulator)
    except KeyError:
        raise ResourceError(f"the local engine cannot answer {token}: add it to local/engine/invokes.py") from None


def _caller_identity(emulator: Emulator) -> Mapping[str, Any]:
    account = emulator.account_id
    return {"accountId": account, "arn": f"arn:{PARTITION}:iam::{account}:root", "id": account, "userId": account}


def _region(emulator: Emulator) -> Mapping[str, Any]:
    region = emulator.region
    return {"id": region, "region": region, "name": region, "description": region, "endpoint": emulator.endpoint_url}


def _partition(_: Emulator) -> Mapping[str, Any]:
    return {
        "id": PARTITION,
        "partition": PARTITION,
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


_FUNCTIONS: Final[Mapping[str, Callable[[Emulator], Mapping[str, Any]]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
}
