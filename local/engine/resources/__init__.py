"""How each type of resource is created on the emulator: one module per AWS service, one function per type."""

from collections.abc import Mapping
from typing import Final

from local.engine.resources import kms
from local.engine.resources.provisioner import Provisioner

PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    **kms.PROVISIONERS,
}
"""Every type this engine knows."""
