"""How a user is named: apart from contacts, whose checks of addresses not every function needs."""

from typing import Annotated

from handlers.domain.model import Form

UserId = Annotated[
    str,
    Form(
        r"[!-~]([ -~]{0,253}[!-~])?",
        "must be 1 to 255 printable ASCII characters, of which neither the first nor the last is a space",
    ),
]
"""The producers' own id of a user, such as the subject of an OpenID Connect token: `auth0|5f7c8ec7`."""
