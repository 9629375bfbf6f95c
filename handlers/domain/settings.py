"""A user's notification settings: what is not named is opted in."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """The stored settings, as far as the check before sending looks at them."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    categories: Mapping[str, Mapping[str, bool]] = {}
    """`{"<category>": {"<channel>": true or false}}`."""

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return self.categories.get(category, {}).get(channel, True)


DEFAULT_SETTINGS = Settings()
"""Of a user who never set any."""
