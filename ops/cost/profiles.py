"""Traffic whose price is asked for, and what is assumed where nothing can be counted: profiles.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from handlers.domain.channels import Channel

PROFILES: Final = Path(__file__).with_name("profiles.toml")

Rate = Annotated[float, Field(ge=0, le=1)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Data):
    """One kind of traffic. `payload_bytes` are those of the data, or of content that is in the request itself."""

    about: str
    channel: Channel = "email"
    content: Literal["inline", "template"] = "template"
    recipients: Annotated[int, Field(ge=1, le=100)] = 1
    batch: Annotated[int, Field(ge=1, le=10)] = 1
    payload_bytes: Annotated[int, Field(ge=0, le=250_000)] = 200
    template_bytes: Annotated[int, Field(ge=0)] = 400
    open_rate: Rate = 0.0
    click_rate: Rate = 0.0
    requests_a_token: Annotated[float, Field(ge=1)] = 1
    """How many requests a producer makes with one token, within the time that API Gateway remembers it."""
    retention_months: Annotated[float, Field(ge=0)] = 12
    """How long the log of notifications is kept."""
    target_usd: float | None = None


class Assumed(_Data):
    """See the comments in the file."""

    target_write_units: float
    waiting_ms: Mapping[str, float]
    provider_ms: Mapping[str, float]
    memory_of_one_processor_mb: int
    platform_log_bytes: int
    log_compression: float
    floor_cpu_ms: float
    pollers: int
    poll_seconds: int
    data_key_seconds: int
    sweeper_ms: float


class Profiles(_Data):
    """All that the file has."""

    profiles: Mapping[str, Profile]
    assumed: Assumed


@cache
def load(path: Path = PROFILES) -> Profiles:
    """Return what is in the file. Raises OSError, or ValueError when it is not of this form."""
    return Profiles.model_validate(tomllib.loads(path.read_text()))
