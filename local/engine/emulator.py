"""Where the emulator answers and who may ask it anything."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Emulator:
    """An emulated AWS account: its endpoint and the root credentials of this run."""

    endpoint_url: str
    region: str
    account_id: str
    access_key_id: str
    secret_access_key: str
