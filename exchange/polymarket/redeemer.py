"""Redeems through the relayer, or by a plain key's own transactions; asks the chain what is so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from pydantic import Field, SecretStr

from exchange.polymarket.client import TradingAccount
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.redeem_calls import (
    CONDITIONAL_TOKENS,
    POSITION_MANAGER,
    redeem_calls,
)
from exchange.polymarket.rest import HttpRequest, Rest, read_answer, write_body
from exchange.polymarket.settlement import PolygonChain
from exchange.polymarket.wire import Text, WireModel, as_object, parse
from exchange.polymarket.wire_chain import read_quantity, words_of
from exchange.port import ExchangeError, PermanentError, UnavailableError, WireError
from exchange.redeem_port import ChainCall, RedeemAnswer, RedeemRequest, RedeemState
from exchange.sign_port import RedemptionSigner
from trading.types import Market, Price, Protocol, Shares, SignatureType, TokenId, Wallet

DEADLINE = timedelta(minutes=10)
"""How long a deposit wallet's batch is good for, as the official client has it."""
SUBMIT_TIMEOUT_S = 10
PROXY_GAS = 1_000_000
GAS_MARGIN = Decimal("1.3")
_KINDS = {
    SignatureType.POLY_PROXY: "PROXY",
    SignatureType.POLY_GNOSIS_SAFE: "SAFE",
    SignatureType.POLY_1271: "WALLET",
}
_STATES = {
    "STATE_CONFIRMED": RedeemState.DONE,
    "STATE_FAILED": RedeemState.DEAD,
    "STATE_INVALID": RedeemState.DEAD,
}
_BALANCE = "0x00fdd58e"  # balanceOf(address,uint256)
_DENOMINATOR = "0xdd34de67"  # payoutDenominator(bytes32)
_NUMERATOR = "0x0504c814"  # payoutNumerators(bytes32,uint256)


@dataclass(frozen=True, slots=True)
class RelayerKey:
    """Lets us use the relayer; `may_send` is the two switches of live trading."""

    key: SecretStr | None
    may_send: bool


class _NonceRow(WireModel):
    address: Text = ""
    nonce: Text


class _SubmitRow(WireModel):
    transaction_id: Text = Field(validation_alias="transactionID")


class _TransactionRow(WireModel):
    state: Text


class PolymarketRedeemer:
    """Implements Redeemer: type 0 sends its own transactions, the others go through the relayer."""

    def __init__(
        self,
        access: VenueAccess,
        account: TradingAccount,
        signer: RedemptionSigner,
        relay: RelayerKey,
    ) -> None:
        """Redeem for the account; `signer` holds the key of its owner."""
        self._account = account
        self._signer = signer
        self._relay = relay
        self._chain = PolygonChain(access)
        self._relayer = Rest(access, access.endpoints.relayer)
        self._clock = access.clock

    @property
    def wallet(self) -> Wallet:
        """Return the wallet whose shares are redeemed."""
        return self._account.funder

    @property
    def may_send(self) -> bool:
        """Tell whether there is a way to send: the switches, and a key where a relayer is."""
        return self._relay.may_send and (self._is_plain or self._relay.key is not None)

    async def fetch_payouts(self, market: Market) -> Sequence[Price] | None:
        """Return the payout vector of the conditional tokens' contract.

        Protocol V2 documents no such read; there it is the venue's own word.
        """
        if market.protocol is Protocol.PROTOCOL_V2:
            return market.payouts
        condition = market.condition_id[2:].rjust(64, "0")
        (denominator,) = await self._read(CONDITIONAL_TOKENS, _DENOMINATOR + condition)
        if denominator == 0:
            return None
        found: list[Price] = []
        for outcome in range(len(market.token_ids)):
            data = f"{_NUMERATOR}{condition}{outcome:064x}"
            (numerator,) = await self._read(CONDITIONAL_TOKENS, data)
            found.append(Price(Decimal(numerator) / Decimal(denominator)))
        return tuple(found)

    async def fetch_held(self, market: Market) -> Sequence[Shares]:
        """Return the wallet's balances by the chain's own ledger of the market's tokens."""
        is_v2 = market.protocol is Protocol.PROTOCOL_V2
        ledger = POSITION_MANAGER if is_v2 else CONDITIONAL_TOKENS
        return [await self._balance(ledger, token_id) for token_id in market.token_ids]

    async def prepare(self, market: Market) -> RedeemRequest:
        """Return the transaction that redeems all that is held, with its nonce and deadline.

        Raises:
            UnavailableError: nothing is held, or a nonce or a price of gas cannot be had.
        """
        calls = redeem_calls(market, await self.fetch_held(market))
        if not calls:
            raise UnavailableError(f"expected shares of {market.condition_id}, the chain has none")
        if self._is_plain:
            return await self._prepare_plain(market, calls[:1])
        row = await self._params()
        kind = self._account.signature_type
        request = RedeemRequest(
            self.wallet, market.condition_id, kind, nonce=_number(row.nonce), calls=calls
        )
        if kind is SignatureType.POLY_1271:
            return replace(request, deadline_s=int((self._clock() + DEADLINE).timestamp()))
        if kind is SignatureType.POLY_PROXY:
            return replace(request, gas_limit=PROXY_GAS, relay=to_checksum_address(row.address))
        return request

    async def redeem(self, request: RedeemRequest) -> RedeemAnswer:
        """Sign and send a request once."""
        assert request.wallet == self.wallet, f"redemption of {request.wallet}, not {self.wallet}"
        assert self.may_send, "a redemption is sent by who may send"
        try:
            return await (self._send_plain(request) if self._is_plain else self._submit(request))
        except ExchangeError as error:
            return RedeemAnswer("", str(error))

    async def fetch_state(self, request: RedeemRequest, handle: str) -> RedeemState:
        """Return what the relayer or a receipt says, else what the nonce and the deadline say.

        A batch that was reverted keeps its nonce: the relayer's word about it is final.
        """
        told = await self._told(handle) if handle else None
        if told is not None:
            return told
        if await self._nonce() > request.nonce:
            return RedeemState.DONE
        is_late = request.deadline_s and self._clock().timestamp() > request.deadline_s
        return RedeemState.DEAD if is_late else RedeemState.PENDING

    async def _told(self, handle: str) -> RedeemState | None:
        if not self._is_plain:
            payload = await self._ask(f"/v1/account/transactions/{handle}")
            return None if payload is None else _STATES.get(parse(_TransactionRow, payload).state)
        receipt = await self._chain.call("eth_getTransactionReceipt", [handle])
        if receipt is None:
            return None
        status = read_quantity(as_object(receipt).get("status"))
        return RedeemState.DONE if status else RedeemState.DEAD

    async def _prepare_plain(self, market: Market, calls: tuple[ChainCall, ...]) -> RedeemRequest:
        (call,) = calls
        asked = {"from": self._owner, "to": call.target, "value": "0x0", "data": call.data}
        gas = read_quantity(await self._chain.call("eth_estimateGas", [asked]))
        price = read_quantity(await self._chain.call("eth_gasPrice", []))
        return RedeemRequest(
            wallet=self.wallet,
            condition_id=market.condition_id,
            signature_type=SignatureType.EOA,
            nonce=await self._nonce(),
            calls=calls,
            gas_limit=int(gas * GAS_MARGIN),
            gas_price=int(price * GAS_MARGIN),
        )

    async def _send_plain(self, request: RedeemRequest) -> RedeemAnswer:
        raw, transaction_hash = await self._signer.sign_transaction(request)
        try:
            await self._chain.call("eth_sendRawTransaction", [raw])
        except ExchangeError as error:
            return RedeemAnswer(transaction_hash, str(error))  # its hash is known all the same
        return RedeemAnswer(transaction_hash)

    async def _submit(self, request: RedeemRequest) -> RedeemAnswer:
        body = write_body(await self._signer.sign_envelope(request))
        sent = HttpRequest(
            "POST", "/submit", body=body, headers=self._headers(), timeout_s=SUBMIT_TIMEOUT_S
        )
        payload = read_answer(await self._relayer.send(sent), "/submit")
        return RedeemAnswer(parse(_SubmitRow, payload).transaction_id)

    async def _params(self) -> _NonceRow:
        kind = _KINDS[self._account.signature_type]
        is_proxy = self._account.signature_type is SignatureType.POLY_PROXY
        path = "/relay-payload" if is_proxy else "/v1/account/transactions/params"
        payload = await self._ask(path, ("address", self._owner), ("type", kind))
        if payload is None:
            raise UnavailableError(f"{path}: expected a nonce, received HTTP 404")
        return parse(_NonceRow, payload)

    async def _ask(self, path: str, *query: tuple[str, str]) -> object | None:
        request = HttpRequest("GET", path, query, headers=self._headers())
        try:
            return read_answer(await self._relayer.send(request), path)
        except PermanentError as error:
            raise UnavailableError(str(error)) from error

    def _headers(self) -> dict[str, str]:
        key = "" if self._relay.key is None else self._relay.key.get_secret_value()
        return {
            "Content-Type": "application/json",
            "RELAYER_API_KEY": key,
            "RELAYER_API_KEY_ADDRESS": self._owner,
        }

    async def _nonce(self) -> int:
        if not self._is_plain:
            return _number((await self._params()).nonce)
        return read_quantity(
            await self._chain.call("eth_getTransactionCount", [self._owner, "latest"])
        )

    async def _balance(self, ledger: str, token_id: TokenId) -> Shares:
        words = encode(["address", "uint256"], [self.wallet, int(token_id)])
        (micros,) = await self._read(ledger, _BALANCE + words.hex())
        return Shares(Decimal(micros) / 1_000_000)

    async def _read(self, contract: str, data: str) -> list[int]:
        return words_of(
            await self._chain.call("eth_call", [{"to": contract, "data": data}, "latest"]), 1
        )

    @property
    def _is_plain(self) -> bool:
        return self._account.signature_type is SignatureType.EOA

    @property
    def _owner(self) -> str:
        return str(to_checksum_address(self._signer.address))


def _number(text: str) -> int:
    if not text.isdecimal():
        raise WireError(f"expected a nonce, received {text[:40]!r}")
    return int(text)
