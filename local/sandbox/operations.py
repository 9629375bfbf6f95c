"""The tab Platform: each channel's queues and circuits as they are now, and faults to switch on and off."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from local.sandbox.faults import Fault, Faults
from local.sandbox.health import Health, ProviderHealth
from local.sandbox.messages import Inbox
from local.sandbox.page import Page
from local.sandbox.providers import NAMES

MODES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "outage": ("Outage: answers 503", {"mode": "outage"}),
    "throttle": ("Throttle: answers 429", {"mode": "throttle"}),
    "reject": ("Reject: refuses the message", {"mode": "reject"}),
    "timeout": ("Timeout: never answers", {"mode": "timeout"}),
    "accepts": ("Timeout, but takes the message", {"mode": "timeout", "accepts": True}),
    "idle_close": ("Closes idle connections", {"mode": "idle_close"}),
}
"""What may be chosen on the page: the words, and the fault that it is."""
RATES: Final = (100, 50, 25, 10)
"""Of its calls, in per cent."""


class Operations:
    """Answers what the tab asks for, and what is changed on it."""

    def __init__(self, page: Page, inbox: Inbox, faults: Faults, health: Health) -> None:
        self._page, self._inbox, self._faults, self._health = page, inbox, faults, health

    async def show(self, _: Request) -> Response:
        """`GET /platform`."""
        seen = await self._seen()
        others = sorted(NAMES - {name for channel in seen.values() for name in channel["providers"]})
        unlisted = {name: {"fault": self._fault(name)} for name in others}
        shown: dict[str, Any] = {"seen": seen, "others": unlisted, "modes": MODES, "rates": RATES}
        return await self._page.render("platform.html", "platform", **shown)

    async def as_json(self, _: Request) -> Response:
        """`GET /api/platform`: each channel, with its queues' depths and its providers, by their names."""
        return JSONResponse(await self._seen())

    async def put_fault(self, request: Request) -> Response:
        """`POST /platform/faults/{provider}`, a form: `fault`, one of `MODES` or nothing, and `rate` in per cent."""
        provider = request.path_params["provider"]
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        chosen = MODES.get(form.get("fault", ""))
        if provider not in NAMES or (chosen is None and form.get("fault")):
            return PlainTextResponse("No such provider or fault.", 400)
        if chosen is None:
            self._faults.delete(provider)
        else:
            try:
                percent = int(form.get("rate", "100"))
                self._faults.put(provider, Fault.model_validate({**chosen[1], "rate": percent / 100}))
            except (ValueError, ValidationError):
                return PlainTextResponse("The rate must be a number from 0 to 100.", 400)
        await self._inbox.announce_change()
        return RedirectResponse(f"/platform#{provider}", 303)

    async def _seen(self) -> dict[str, dict[str, Any]]:
        channels = await asyncio.to_thread(self._health.read)
        return {
            name: asdict(channel) | {"providers": {each.name: self._provider(each) for each in channel.providers}}
            for name, channel in channels.items()
        }

    def _provider(self, health: ProviderHealth) -> dict[str, Any]:
        return {**asdict(health), "turn": health.turn, "fault": self._fault(health.name)}

    def _fault(self, provider: str) -> str:
        """A provider's fault in words, or nothing."""
        fault = self._faults.active.get(provider)
        return fault.words if fault else ""
