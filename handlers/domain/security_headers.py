"""Headers of every answer, whoever gives it: a function, or API Gateway itself.

As OWASP's REST Security and HTTP Headers cheat sheets have them
(https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers). No `X-Frame-Options`:
`frame-ancestors` says it, in every browser that there is. No `Cross-Origin-Resource-Policy`: the image that shows that
a mail was opened is loaded by web mail of anywhere. API Gateway wants a value in single quotes, and takes those that
are inside (https://github.com/DataBiosphere/azul/pull/6385).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
        # Two years, as hstspreload.org wants it; not for subdomains, which may be another's.
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
    }
)
"""For what shows nothing. A page has a policy of its own, that lets its style be applied and its form be sent."""
