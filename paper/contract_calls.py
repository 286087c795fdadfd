"""Answers eth_call: order states of the exchanges, balances and allowances of the tokens."""

from collections.abc import Callable, Sequence
from math import gcd

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from paper.contracts import COLLATERAL, EXCHANGES, TOKEN_LEDGERS
from paper.model import Dialect
from paper.notation import as_object
from paper.rpc_wire import HEX, INVALID_PARAMS, RpcError, hex_text, param
from paper.venue import Venue

EXECUTION_REVERTED = 3  # the code of Ethereum nodes for a call that reverts
CALL_DATA_MAX = 10_000
SELECTOR_DIGITS = 8
WORD_DIGITS = 64
DECIMALS = 6
YES, NO = 1, 0
MAX_UINT256 = (1 << 256) - 1

Words = Sequence[str]


class ContractCalls:
    """Read-only calls, by contract and by the first four bytes of the signature's Keccak hash."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        exchange: dict[str, Callable[[Words], Sequence[int]]] = {
            "46423aa7": self._order_status,  # getOrderStatus(bytes32)
            "2dff692d": self._order_status,  # orderStatus(bytes32)
        }
        collateral: dict[str, Callable[[Words], Sequence[int]]] = {
            "70a08231": self._cash,  # balanceOf(address)
            "dd62ed3e": lambda _: (MAX_UINT256,),  # allowance(address,address)
            "313ce567": lambda _: (DECIMALS,),  # decimals()
        }
        tokens: dict[str, Callable[[Words], Sequence[int]]] = {
            "00fdd58e": self._tokens,  # balanceOf(address,uint256)
            "e985e9c5": lambda _: (YES,),  # isApprovedForAll(address,address)
            "4e1273f4": self._many_tokens,  # balanceOfBatch(address[],uint256[])
            "dd34de67": self._denominator,  # payoutDenominator(bytes32)
            "0504c814": self._numerator,  # payoutNumerators(bytes32,uint256)
        }
        self._contracts = (
            dict.fromkeys(EXCHANGES, exchange)
            | {COLLATERAL.lower(): collateral}
            | dict.fromkeys(TOKEN_LEDGERS, tokens)
        )

    def call(self, params: Sequence[object]) -> object:
        """Answer a call with the contract's words; one that no contract knows reverts."""
        request = as_object(param(params, 0)) or {}
        address = hex_text(request.get("to"), 40)
        selector, words = _split(request.get("data", request.get("input")))
        answer = self._contracts.get(address, {}).get(selector)
        if answer is None:
            raise RpcError(EXECUTION_REVERTED, "execution reverted")
        return "0x" + "".join(f"{word:064x}" for word in answer(words))

    def _order_status(self, words: Words) -> Sequence[int]:
        """Return whether an order is filled, and what is left of its maker amount.

        An order that never settled is (false, 0), as the exchange's storage starts.
        """
        stored = self._venue.filled_on_chain("0x" + _word(words, 0))
        is_filled, remaining = stored or (False, 0)
        return YES if is_filled else NO, remaining

    def _cash(self, words: Words) -> Sequence[int]:
        return (self._venue.balance(_address(words, 0), None),)

    def _tokens(self, words: Words) -> Sequence[int]:
        return (self._venue.balance(_address(words, 0), str(int(_word(words, 1), 16))),)

    def _many_tokens(self, words: Words) -> Sequence[int]:
        """Return one balance per pair of a wallet and a token."""
        try:
            data = bytes.fromhex("".join(words))
            wallets, tokens = decode(["address[]", "uint256[]"], data)
        except (DecodingError, OverflowError, ValueError) as error:
            raise RpcError(EXECUTION_REVERTED, "execution reverted") from error
        if len(wallets) != len(tokens):
            raise RpcError(EXECUTION_REVERTED, "execution reverted")
        pairs = zip(wallets, tokens, strict=True)
        balances = [
            self._venue.balance(to_checksum_address(wallet), str(token)) for wallet, token in pairs
        ]
        return 32, len(balances), *balances

    def _denominator(self, words: Words) -> Sequence[int]:
        """Return what a condition's payouts add up to; 0 until its result is reported."""
        return (sum(self._payouts(words)),)

    def _numerator(self, words: Words) -> Sequence[int]:
        payouts, outcome = self._payouts(words), int(_word(words, 1), 16)
        return (payouts[outcome] if outcome < len(payouts) else 0,)

    def _payouts(self, words: Words) -> Sequence[int]:
        market = self._venue.market("0x" + _word(words, 0))
        if market is None or market.payouts is None or market.dialect is Dialect.PROTOCOL_V2:
            return ()
        step = gcd(*market.payouts)
        return [payout // step for payout in market.payouts]


def _split(value: object) -> tuple[str, Words]:
    if not isinstance(value, str) or len(value) > CALL_DATA_MAX or not HEX.fullmatch(value):
        raise RpcError(INVALID_PARAMS, "expected call data as 0x and hexadecimal digits")
    digits = value[2:].lower()
    body = digits[SELECTOR_DIGITS:]
    words = [body[start : start + WORD_DIGITS] for start in range(0, len(body), WORD_DIGITS)]
    return digits[:SELECTOR_DIGITS], words


def _word(words: Words, index: int) -> str:
    if index >= len(words) or len(words[index]) != WORD_DIGITS:
        raise RpcError(EXECUTION_REVERTED, "execution reverted")
    return words[index]


def _address(words: Words, index: int) -> str:
    return to_checksum_address("0x" + _word(words, index)[-40:])
