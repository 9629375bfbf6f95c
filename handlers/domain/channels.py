"""The channels, which are the notification types: one rule, queue and worker each."""

from typing import Final, Literal, get_args

Channel = Literal["push", "sms", "email", "chat"]

CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
