"""Every property that the program sets and this machine has no use for, with the reason.

A property that is neither applied by its provisioner nor named here stops the deployment, and an entry that the program
does not need fails a test: this table is exactly what is not tested locally.
"""

from collections.abc import Mapping
from typing import Final

_NEVER_DELETED = "says how a deletion goes, and here the whole account is thrown away instead"

NO_LOCAL_MEANING: Final[Mapping[str, Mapping[str, str]]] = {
    "aws:apigateway/deployment:Deployment": {
        "triggers": "makes the provider deploy again when it changes, and here everything is made anew",
    },
    "aws:kms/key:Key": {"deletionWindowInDays": _NEVER_DELETED},
    "aws:lambda/function:Function": {
        "reservedConcurrentExecutions": "keeps functions from each other's share of an account, of which there is none",
        "sourceCodeHash": "tells the provider that the code changed, which the engine sees in the zip itself",
    },
    "aws:s3/bucket:Bucket": {"forceDestroy": _NEVER_DELETED},
    "aws:secretsmanager/secret:Secret": {"recoveryWindowInDays": _NEVER_DELETED},
    "pulumi:providers:aws": {
        "skipCredentialsValidation": "set by the SDK itself; the emulator's credentials are known to be right",
        "skipRegionValidation": "set by the SDK itself; the region is checked to be the emulator's",
        "s3UsePathStyle": "the emulator has one address for all buckets, so paths are always used",
    },
}
"""Resource type → path of the property (list indexes left out) → why it is not applied."""

NOT_MADE_HERE: Final[Mapping[str, str]] = {
    "aws:cloudwatch/queryDefinition:QueryDefinition": "the emulator saves no queries, and nothing would run them",
}
"""Resource type → why nothing is made of it here: its properties are checked by tests/infrastructure alone."""
