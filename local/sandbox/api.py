"""The inbox for programs: what was received, and faults on demand. The design page is the contract."""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.faults import Fault, Faults
from local.sandbox.messages import Inbox
from local.sandbox.providers import NAMES


class Api:
    """Answers `/api/…`."""

    def __init__(self, inbox: Inbox, faults: Faults) -> None:
        self._inbox, self._faults = inbox, faults

    async def messages(self, _: Request) -> Response:
        """Every message received, oldest first."""
        return JSONResponse([message.as_json() for message in self._inbox.messages])

    async def faults(self, _: Request) -> Response:
        """The faults in force, by provider."""
        return JSONResponse({provider: fault.model_dump() for provider, fault in self._faults.active.items()})

    async def put_fault(self, request: Request) -> Response:
        """Make a provider fail from its next call on."""
        provider = request.path_params["provider"]
        if provider not in NAMES:
            return _unknown(provider)
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error)
        self._faults.put(provider, fault)
        await self._inbox.announce_change()
        return JSONResponse(fault.model_dump())

    async def delete_fault(self, request: Request) -> Response:
        """Let a provider work again; no harm if it did."""
        provider = request.path_params["provider"]
        if provider not in NAMES:
            return _unknown(provider)
        self._faults.delete(provider)
        await self._inbox.announce_change()
        return Response(status_code=204)


def _unknown(provider: str) -> Response:
    return _problem(404, "not-found", f"No provider {provider} here; there are: {', '.join(sorted(NAMES))}.")


def _invalid(error: ValidationError) -> Response:
    errors = [{"field": ".".join(map(str, e["loc"])) or "body", "message": e["msg"]} for e in error.errors()]
    return _problem(400, "invalid-request", "The fault is not one.", errors=errors)


def _problem(status: int, slug: str, detail: str, **more: object) -> Response:
    """An error in the shape of RFC 9457, as the platform's own API has them."""
    body = {"type": f"urn:carillon:problem:{slug}", "title": slug, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")
