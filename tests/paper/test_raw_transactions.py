"""Tests of transactions that plain keys sign."""

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.contracts import COLLATERAL_ADAPTER
from paper.raw_transactions import BYTES_MAX, RawError, read_raw
from tests.paper.posted_orders import address_of, key_number

KEY = key_number(44)


def signed(nonce: int = 3, data: str = "0xabcdef", chain_id: int = 137, gas: int = 90_000) -> bytes:
    transaction = {
        "to": COLLATERAL_ADAPTER,
        "value": 0,
        "data": data,
        "gas": gas,
        "gasPrice": 30_000_000_000,
        "nonce": nonce,
        "chainId": chain_id,
    }
    return bytes(Account.sign_transaction(transaction, KEY).raw_transaction)


@settings(max_examples=40, deadline=None)
@given(
    nonce=st.integers(0, 2**40),
    data=st.binary(max_size=400),
    gas=st.integers(1, 2**40),
)
def test_what_a_wallet_library_signs_is_read(nonce: int, data: bytes, gas: int) -> None:
    raw = signed(nonce, "0x" + data.hex(), gas=gas)
    read = read_raw(raw)
    assert (read.sender, read.nonce) == (address_of(KEY), nonce)
    assert (read.call.target, read.call.data) == (COLLATERAL_ADAPTER, "0x" + data.hex())
    recovered = Account.recover_transaction(raw)
    assert recovered == read.sender


def test_the_hash_is_the_libraries() -> None:
    transaction = Account.sign_transaction(
        {
            "to": COLLATERAL_ADAPTER,
            "value": 1,
            "data": "0x",
            "gas": 1,
            "gasPrice": 1,
            "nonce": 0,
            "chainId": 137,
        },
        KEY,
    )
    read = read_raw(bytes(transaction.raw_transaction))
    assert read.transaction_hash == "0x" + bytes(transaction.hash).hex()
    assert read.call.value == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * (BYTES_MAX + 1),
        b"\x02" + signed(),
        signed() + b"\0",
        signed()[:-1],
        signed(chain_id=1),
        b"\xc0",
        b"\xc9" + b"\xc0" * 9,
        b"\xc9" + b"\x80" * 9,
        signed()[:-32] + b"\xff" * 32,
    ],
)
def test_what_is_no_transaction_of_this_chain_is_refused(raw: bytes) -> None:
    with pytest.raises(RawError):
        read_raw(raw)
