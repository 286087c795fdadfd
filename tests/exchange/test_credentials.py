"""The API key of a signing key is derived, or made when there is none."""

import pytest

from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.signing import LocalSigner
from exchange.port import PermanentError, UnavailableError
from tests.exchange.fake_venue import FakeHttp, serving
from tests.exchange.samples import AT, KEY

SIGNER = LocalSigner(KEY)
ROW = {"apiKey": "key-1", "secret": "c2VjcmV0", "passphrase": "p"}
DERIVE, CREATE = "/auth/derive-api-key", "/auth/api-key"


async def test_an_existing_key_is_derived() -> None:
    fake = FakeHttp({DERIVE: ROW})
    async with serving(fake) as access:
        user = await fetch_user(access, SIGNER, nonce=2)
    assert (user.address, user.credentials.key) == (SIGNER.address, "key-1")
    headers = fake.asked[0].headers
    assert headers["POLY_NONCE"] == "2"
    assert headers["POLY_SIGNATURE"] == await SIGNER.sign_attestation(int(AT.timestamp()), 2)
    assert headers["POLY_ADDRESS"].lower() == SIGNER.address


@pytest.mark.parametrize("status", [400, 404])
async def test_a_key_that_is_missing_is_made(status: int) -> None:
    fake = FakeHttp({DERIVE: {"error": "no key"}, CREATE: ROW}, {DERIVE: status})
    async with serving(fake) as access:
        assert (await fetch_user(access, SIGNER)).credentials.key == "key-1"
    assert [asked.method for asked in fake.asked] == ["GET", "POST"]


@pytest.mark.parametrize(("status", "error"), [(401, PermanentError), (503, UnavailableError)])
async def test_a_refusal_says_whether_to_ask_again(status: int, error: type[Exception]) -> None:
    fake = FakeHttp({DERIVE: {"error": "Invalid L1 Request headers"}}, {DERIVE: status})
    async with serving(fake) as access:
        with pytest.raises(error, match="Invalid L1"):
            await fetch_user(access, SIGNER)


async def test_a_venue_that_makes_no_keys_is_no_use() -> None:
    async with serving(FakeHttp()) as access:
        with pytest.raises(PermanentError, match="expected an API key"):
            await fetch_user(access, SIGNER)
