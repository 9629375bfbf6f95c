"""The inbox for programs: what was received, and faults on demand. The design page is the contract."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from standardwebhooks import Webhook as Verifier
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.endpoints import Endpoints
from local.sandbox.faults import Fault, Faults
from local.sandbox.messages import Inbox
from local.sandbox.providers import NAMES
from local.sandbox.receipts import NoSuchReceiptError, Receipts


class Asked(BaseModel):
    """A receipt that is to be told."""

    model_config = ConfigDict(extra="forbid")

    delivery_id: str
    event: str


class Webhook(BaseModel):
    """Where a provider posts its events."""

    model_config = ConfigDict(extra="forbid")

    url: str


def _readable(secret: str) -> str:
    Verifier(secret)  # raises `ValueError`, which repeats nothing of it
    return secret


class Secret(BaseModel):
    """What a producer's endpoint verifies by, as `PUT /v1/webhook` answers it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/]{2,200}={0,2}$"), AfterValidator(_readable)]


class Api:
    """Answers `/api/…`."""

    def __init__(self, inbox: Inbox, faults: Faults, receipts: Receipts, endpoints: Endpoints) -> None:
        self._inbox, self._faults, self._receipts, self._endpoints = inbox, faults, receipts, endpoints

    async def messages(self, _: Request) -> Response:
        """Every message received, oldest first."""
        return JSONResponse([message.as_json() for message in self._inbox.messages])

    async def alerts(self, _: Request) -> Response:
        """Every notice on the alert topic, oldest first."""
        return JSONResponse([notice.as_json() for notice in self._inbox.notices])

    async def tell_receipt(self, request: Request) -> Response:
        """Let the provider that took a delivery's message tell what became of it, and answer how that was answered."""
        try:
            asked = Asked.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error, "The receipt is not one.")
        of_it = [each for each in self._inbox.messages if each.delivery_id == asked.delivery_id]
        if not of_it:
            return _problem(404, "not-found", "No provider here has a message of this delivery.")
        try:
            answered = await self._receipts.tell(of_it[-1], asked.event)
        except NoSuchReceiptError as error:
            return _problem(400, "invalid-request", str(error))
        return JSONResponse({"provider": of_it[-1].provider, "event": asked.event, "answered": answered})

    async def put_webhook(self, request: Request) -> Response:
        """Say where a provider is to post what it tells: what a customer does on the provider's own page."""
        try:
            self._receipts.webhooks[request.path_params["provider"]] = Webhook.model_validate_json(
                await request.body()
            ).url
        except ValidationError as error:
            return _invalid(error, "The webhook is not one.")
        return Response(status_code=204)

    async def told(self, request: Request) -> Response:
        """What a producer's endpoint was told, the oldest first."""
        host = request.path_params["host"]
        if (endpoint := self._endpoints.at(host)) is None:
            return _problem(404, "not-found", "No producer has an endpoint at this host.")
        return JSONResponse([each.as_json() for each in endpoint.told])

    async def put_endpoint(self, request: Request) -> Response:
        """Let a producer have an endpoint at a host, which knows the secret of its webhook."""
        try:
            self._endpoints.put(request.path_params["host"], Secret.model_validate_json(await request.body()).secret)
        except ValidationError as error:
            return _invalid(error, "The endpoint is not one.")
        return Response(status_code=204)

    async def delete_endpoint(self, request: Request) -> Response:
        """Forget a producer's endpoint; no harm if there is none."""
        host = request.path_params["host"]
        self._endpoints.delete(host)
        self._faults.delete(host)
        return Response(status_code=204)

    async def faults(self, _: Request) -> Response:
        """The faults in force, by provider."""
        return JSONResponse({provider: fault.model_dump() for provider, fault in self._faults.active.items()})

    async def put_fault(self, request: Request) -> Response:
        """Make a provider, or the producer's endpoint at a host, fail from its next call on."""
        provider = request.path_params["provider"]
        if not self._is_known(provider):
            return _unknown(provider)
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return _invalid(error, "The fault is not one.")
        self._faults.put(provider, fault)
        await self._inbox.announce_change()
        return JSONResponse(fault.model_dump())

    async def delete_fault(self, request: Request) -> Response:
        """Let it work again; no harm if it did."""
        provider = request.path_params["provider"]
        if not self._is_known(provider):
            return _unknown(provider)
        self._faults.delete(provider)
        await self._inbox.announce_change()
        return Response(status_code=204)

    def _is_known(self, name: str) -> bool:
        return name in NAMES or self._endpoints.at(name) is not None


def _unknown(provider: str) -> Response:
    return _problem(404, "not-found", f"No provider {provider} here; there are: {', '.join(sorted(NAMES))}.")


def _invalid(error: ValidationError, detail: str) -> Response:
    errors = [{"field": ".".join(map(str, e["loc"])) or "body", "message": e["msg"]} for e in error.errors()]
    return _problem(400, "invalid-request", detail, errors=errors)


def _problem(status: int, slug: str, detail: str, **more: object) -> Response:
    """An error in the shape of RFC 9457, as the platform's own API has them."""
    body = {"type": f"urn:carillon:problem:{slug}", "title": slug, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")
