"""Every property that the program sets and this machine has no use for, with the reason.

A property that is neither applied by its provisioner nor named here stops the deployment, and an entry that the program
does not need fails a test: this table is exactly what is not tested locally.
"""

from collections.abc import Mapping
from typing import Final

NO_LOCAL_MEANING: Final[Mapping[str, Mapping[str, str]]] = {
    "pulumi:providers:aws": {
        "skipCredentialsValidation": "set by the SDK itself; the emulator's credentials are known to be right",
        "skipRegionValidation": "set by the SDK itself; the region is checked to be the emulator's",
    },
}
"""Resource type → path of the property (list indexes left out) → why it is not applied."""
