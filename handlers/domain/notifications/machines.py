"""Who opened a message or followed its link: a person, or a program that guards or prepares a mailbox.

The rule, in this order:

1. `HEAD` is no opening at all: it is answered like GET, and noted nowhere.
2. The provider says that it was a machine (SendGrid's `sg_machine_open`).
3. The user agent is one that loads images or follows links before anybody has seen the message: Apple's Mail Privacy
   Protection says `Mozilla/5.0` and no more; scanners and robots name themselves.
4. What pretends to be a browser and comes within a second after the provider took the message: no person is as quick.

All else is a person. So are the image proxies of Gmail, Yahoo and Outlook, which load an image when its reader opens
the message. The rule rather counts a machine too many as a person than a person too few: who hides well is not found.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

TOO_QUICK: Final = timedelta(seconds=1)

_NO_MORE_THAN_MOZILLA: Final = re.compile(r"Mozilla/5\.0\s*")
_BROWSER: Final = re.compile(r"Mozilla/")
# Those that name themselves in the logs of others; "bot" ends the names of robots, and that of a telephone (Cubot).
_PROGRAMS: Final = re.compile(
    r"(?<!cu)bot\b|crawler|spider|scanner|barracuda|proofpoint|mimecast|safelinks|fireeye|symantec|trendmicro|sophos"
    r"|cisco.?ironport|msoffice.?existence|microsoft office existence|facebookexternalhit|slackbot|whatsapp"
    r"|skypeuripreview|headlesschrome|bingpreview|linkcheck|urldefense|virustotal|phishtank|zscaler",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of who opened a message or followed its link; `sent_at` is when a provider took the message."""

    user_agent: str | None
    at: datetime
    sent_at: datetime | None = None
    provider_says_machine: bool = False


def is_machine(visit: Visit) -> bool:
    """Say whether it was a machine, by the rule above."""
    agent = (visit.user_agent or "").strip()
    if visit.provider_says_machine or _NO_MORE_THAN_MOZILLA.fullmatch(agent) or _PROGRAMS.search(agent):
        return True
    is_quick = visit.sent_at is not None and visit.at - visit.sent_at < TOO_QUICK
    return is_quick and _BROWSER.match(agent) is not None
