"""Gets the API key that belongs to a signing key; the venue makes it from one signature (L1)."""

from eth_utils.address import to_checksum_address

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.rest import ApiCredentials, ApiUser, HttpAnswer, HttpRequest, Rest
from exchange.polymarket.rest import read_answer as read_http
from exchange.polymarket.signing import AuthSigner
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import CredentialsRow
from exchange.port import PermanentError
from exchange.secret import Secret

_DERIVE = "/auth/derive-api-key"
_CREATE = "/auth/api-key"


async def fetch_user(access: VenueAccess, signer: AuthSigner, nonce: int = 0) -> ApiUser:
    """Return the API user of a signing key: its existing API key, or a newly made one.

    Raises:
        UnavailableError: no usable answer came; ask again.
        PermanentError: the venue refuses this key.
    """
    rest = Rest(access, access.endpoints.clob)
    derived = await rest.send(await _l1_request("GET", _DERIVE, access, signer, nonce))
    if derived.is_ok:
        return _user_of(signer, derived, _DERIVE)
    if derived.status not in (400, 404):
        read_http(derived, _DERIVE)
    created = await rest.send(await _l1_request("POST", _CREATE, access, signer, nonce))
    return _user_of(signer, created, _CREATE)


async def _l1_request(
    method: str, path: str, access: VenueAccess, signer: AuthSigner, nonce: int
) -> HttpRequest:
    timestamp_s = int(access.clock().timestamp())
    headers = {
        "POLY_ADDRESS": to_checksum_address(signer.address),
        "POLY_SIGNATURE": await signer.sign_attestation(timestamp_s, nonce),
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_NONCE": str(nonce),
    }
    return HttpRequest(method, path, headers=headers)


def _user_of(signer: AuthSigner, answer: HttpAnswer, path: str) -> ApiUser:
    payload = read_http(answer, path)
    if payload is None:
        raise PermanentError(f"{path}: expected an API key, received HTTP 404")
    row = parse(CredentialsRow, payload)
    secrets = ApiCredentials(row.key, Secret(row.secret), Secret(row.passphrase))
    return ApiUser(signer.address, secrets)
