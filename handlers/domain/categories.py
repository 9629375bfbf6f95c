"""What notifications are about: the categories, which users opt in and out of."""

from typing import Annotated

from pydantic import StringConstraints

CategoryName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
"""A category's name. It is part of the event's source and detail-type, of which EventBridge takes 128 characters."""
