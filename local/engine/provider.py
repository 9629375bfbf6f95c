"""The explicit AWS provider: the program's guard against the wrong account or region, and its default tags."""

import json
from collections.abc import Mapping
from typing import Any, Final

from local.engine.emulator import Emulator
from local.engine.errors import ResourceError
from local.engine.inputs import Inputs
from local.engine.provisioning import PropertyPath, check_all_used

PROVIDER: Final = "pulumi:providers:aws"


def default_tags(values: Mapping[str, Any], emulator: Emulator) -> tuple[Mapping[str, str], frozenset[PropertyPath]]:
    """Check the provider's settings against the emulated account as the real one does, and return its default tags.

    Also returned is which of the settings have no meaning here, as `NO_LOCAL_MEANING` allows. Raises `ResourceError`
    for another region, or an account that is not allowed. A provider's structured settings travel as JSON text.
    """
    inputs = Inputs({name: _structured(value) for name, value in values.items()})
    if (region := inputs.get("region", emulator.region)) != emulator.region:
        raise ResourceError(f"the program's region is {region}, the emulator's {emulator.region}")
    allowed = inputs.get("allowedAccountIds", [emulator.account_id])
    if emulator.account_id not in allowed:
        raise ResourceError(f"the emulator's account {emulator.account_id} is not among the allowed {allowed}")
    tags = inputs.block("defaultTags")
    found: Mapping[str, str] = tags.get("tags", {}) if tags else {}
    return found, check_all_used(PROVIDER, inputs)


def _structured(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value
