"""The relayer: sends what wallets have signed to the chain, and says what became of it."""

import itertools

from aiohttp import web

from paper.derive import account_name
from paper.envelopes import RELAY, read_envelope
from paper.faults import Faults, Point
from paper.office import Asked, Kind, OfficeError, Stage, Transaction
from paper.venue import Venue

REFUSAL = "the local venue relays redemptions and nothing else"
UNAUTHORIZED = "invalid authorization"
KEY_HEADERS = ("RELAYER_API_KEY", "POLY_BUILDER_API_KEY")
KINDS = {kind.value: kind for kind in Kind if kind is not Kind.EOA}


class Relayer:
    """Answers the relayer's routes; a request names its wallet's kind."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._posts = itertools.count(1)

    async def deployed(self, request: web.Request) -> web.Response:
        """Tell that a wallet is there: every one is."""
        if not request.query.get("address"):
            return _refuse(400, "address is required")
        return web.json_response({"deployed": True})

    async def params(self, request: web.Request) -> web.Response:
        """Return the nonce that a wallet's next transaction has to sign."""
        address = account_name(request.query.get("address", ""))
        kind = KINDS.get(request.query.get("type", ""))
        if not address or kind is None:
            return _refuse(400, "address and type are required")
        nonce = self._venue.nonce(kind, address)
        named = RELAY if kind is Kind.PROXY else address
        return web.json_response({"address": named, "nonce": str(nonce)})

    async def submit(self, request: web.Request) -> web.Response:
        """Take a signed transaction, once per nonce."""
        if not any(request.headers.get(name) for name in KEY_HEADERS):
            return _refuse(401, UNAUTHORIZED)
        number = next(self._posts)
        broken = self._broken(request, number, "before")
        if broken is not None:
            return broken
        try:
            asked = read_envelope(await request.read())
            _check_key(request, asked)
            transaction = self._venue.send(asked)
        except OfficeError as error:
            return _refuse(400, str(error))
        broken = self._broken(request, number, "after")
        return broken or web.json_response(
            {
                "transactionID": transaction.transaction_id,
                "transactionHash": "",
                "state": transaction.stage.value,
            }
        )

    async def transaction(self, request: web.Request) -> web.Response:
        """Tell how far a transaction has come."""
        found = self._venue.transaction(request.match_info["transaction_id"])
        if found is None:
            return _refuse(404, "transaction not found")
        return web.json_response(_row(found))

    def _broken(self, request: web.Request, number: int, when: str) -> web.Response | None:
        names = (f"drop_{when}", f"error_{when}")
        faults: Faults = self._venue.faults
        fault = faults.draw(Point.RELAY, f"post {number} {when}", {}, names)
        if fault is None:
            return None
        if fault.fault == names[1]:
            return _refuse(fault.status or 502, fault.text or "bad gateway")
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # never sent: the connection is gone


def add_relayer_routes(app: web.Application, venue: Venue, prefix: str) -> None:
    """Add the relayer's routes below a prefix."""
    relayer = Relayer(venue)
    app.router.add_get(f"{prefix}/deployed", relayer.deployed)
    app.router.add_get(f"{prefix}/v1/account/transactions/params", relayer.params)
    app.router.add_get(f"{prefix}/relay-payload", relayer.params)
    app.router.add_get(f"{prefix}/v1/account/transactions/{{transaction_id}}", relayer.transaction)
    app.router.add_post(f"{prefix}/submit", relayer.submit)
    app.router.add_route("*", f"{prefix}/{{rest:.*}}", _refuse_all)


def _check_key(request: web.Request, asked: Asked) -> None:
    owner = request.headers.get("RELAYER_API_KEY_ADDRESS")
    if owner is not None and account_name(owner) != asked.signer:
        raise OfficeError(f"the key of {owner} sends nothing for {asked.signer}")


def _row(transaction: Transaction) -> dict[str, str]:
    is_on_chain = transaction.stage is not Stage.NEW
    return {
        "transaction_id": transaction.transaction_id,
        "transaction_hash": transaction.transaction_hash if is_on_chain else "",
        "state": transaction.stage.value,
        "error_msg": transaction.error if transaction.stage is Stage.FAILED else "",
    }


async def _refuse_all(request: web.Request) -> web.Response:
    path = request.match_info["rest"]
    return _refuse(501, f"{request.method} /{path}: {REFUSAL}")


def _refuse(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
