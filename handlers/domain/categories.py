"""What notifications are about: the categories, which users opt in and out of."""

from typing import Annotated

from handlers.domain.model import Form

CategoryName = Annotated[
    str,
    Form(
        r"[a-z][a-z0-9_-]{0,62}",
        "must be the name of a category: a lower-case letter, then up to 62 of these, digits, _ and -",
    ),
]
"""A category's name. It is part of the event's source and detail-type, of which EventBridge takes 128 characters."""
