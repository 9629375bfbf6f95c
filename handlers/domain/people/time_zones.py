"""The time zones that there are, by their IANA names."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

UTC: Final = "UTC"
"""By this clock are the quiet hours of who has told no time zone."""

REGIONS: Final = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""Continents and oceans: what the name of a zone that is a place's begins with."""


@cache
def _names() -> frozenset[str]:
    # From the package and not `zoneinfo.available_timezones()`, which would search the machine's directories.
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


def is_time_zone(name: str) -> bool:
    """Say whether there is a zone of this name."""
    return name in _names()


def _checked(name: str) -> str:
    if not is_time_zone(name):
        raise PydanticCustomError("timezone", "must be an IANA time zone such as Europe/London")
    return name


Timezone = Annotated[str, AfterValidator(_checked)]


@cache
def by_region() -> Mapping[str, tuple[str, ...]]:
    """Return the zones that are a place's, in order, by region: what people choose from.

    The others are former names, as `US/Pacific`, and fixed distances from UTC, as `Etc/GMT-2`.
    """
    names = sorted(_names())
    return {region: tuple(name for name in names if name.startswith(f"{region}/")) for region in REGIONS}
