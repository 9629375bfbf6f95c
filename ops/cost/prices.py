"""List prices, with their date and sources: prices.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from handlers.domain.channels import Channel

PRICES: Final = Path(__file__).with_name("prices.toml")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Data):
    """So many US dollars for so many units, and the page that says so."""

    usd: float = Field(ge=0)
    per: int = Field(gt=0)
    unit: str
    source: HttpUrl

    @property
    def each(self) -> float:
        """US dollars for one unit."""
        return self.usd / self.per


class Fee(Price):
    """What a provider charges for one message, or for one part of a text message."""

    channel: Channel


class Prices(_Data):
    """AWS's, and apart from them the providers'."""

    dated: str
    region: str
    aws: Mapping[str, Price]
    providers: Mapping[str, Fee]

    def __getitem__(self, name: str) -> float:
        return self.aws[name].each


@cache
def load(path: Path = PRICES) -> Prices:
    """Return what is in the file. Raises OSError, or ValueError when it is not of this form."""
    return Prices.model_validate(tomllib.loads(path.read_text()))
