"""Asks the signer's process: the worker's end of the socket, which holds no key."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exchange.polymarket.signing import OrderFormV2
from exchange.port import PermanentError, UnavailableError
from exchange.redeem_port import RedeemRequest
from exchange.sign_port import SignRefusal
from signer.frames import Document, FrameError, pack, read_frame
from trading.orders import Intent, UnsignedOrder
from trading.pretrade import Control
from trading.types import OrderHash, SignatureType, Wallet

CONNECTIONS = 8
CONNECT_S = 0.5
ANSWER_S = 1.5
ASK_S = 2.0
"""All that one request may take, the wait for a connection too: less than a heartbeat."""
KEPT_MAX = 1000
"""Signatures that were made and not sent yet."""

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RefusedError(PermanentError):
    """The signer said no; nothing was signed."""

    def __init__(self, refusal: SignRefusal) -> None:
        """Take the no."""
        super().__init__(refusal.describe())
        self.refusal = refusal


class SignerLink:
    """A few connections to the signer; where one was closed meanwhile, the next is taken.

    A signer that is silent is not asked again: whoever asks comes back.
    """

    def __init__(self, path: Path) -> None:
        """Connect to nothing yet."""
        self._path = path
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._free: list[_Connection] = []

    async def ask(self, asked: Document) -> Document:
        """Return what is `ok`.

        Raises:
            RefusedError: the signer said no.
            UnavailableError: no usable answer came; nothing was sent to the venue.
        """
        answer = await self._exchange(asked)
        match answer:
            case {"ok": dict(said)}:
                return said
            case {"no": {"code": str(code), "wanted": str(wanted), "cap": str(cap)}}:
                raise RefusedError(SignRefusal(Control(code), wanted, cap))
            case {"later": str(why)}:
                raise UnavailableError(f"the signer answered: {why}")
            case _:
                raise UnavailableError("expected an answer of the signer, received another word")

    def close(self) -> None:
        """Close the connections that are free."""
        while self._free:
            self._free.pop()[1].close()

    async def _exchange(self, asked: Document) -> Document:
        frame = pack(asked)
        answer = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_S), self._slots:
                answer = await self._answer_to(frame)
        if answer is None:
            raise UnavailableError(f"the signer at {self._path} did not answer")
        return answer

    async def _answer_to(self, frame: bytes) -> Document | None:
        while self._free:  # it may have been closed since: then the next, or a new one
            answer = await self._try(self._free.pop(), frame)
            if answer is not None:
                return answer
        return await self._try(await self._connect(), frame)

    async def _try(self, connection: _Connection, frame: bytes) -> Document | None:
        reader, writer = connection
        try:
            async with asyncio.timeout(ANSWER_S):
                writer.write(frame)
                await writer.drain()
                answer = await read_frame(reader, ANSWER_S)
        except TimeoutError:  # silence, not a closed connection
            writer.close()
            raise
        except (OSError, FrameError):
            writer.close()
            return None
        except BaseException:
            writer.close()  # an answer may still come, to nobody
            raise
        if answer is None:
            writer.close()
        else:
            self._free.append(connection)
        return answer

    async def _connect(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.open_unix_connection(str(self._path))
        except (OSError, TimeoutError) as error:
            raise UnavailableError(f"the signer at {self._path} is not there: {error}") from error


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """Whom the signer's key signs for."""

    address: Wallet
    funder: Wallet
    signature_type: SignatureType


async def fetch_identity(link: SignerLink) -> SignerIdentity:
    """Return whom the signer signs for; raise as `SignerLink.ask` does."""
    said = await link.ask({"ask": "account"})
    return SignerIdentity(
        Wallet(str(said["address"])),
        Wallet(str(said["funder"])),
        SignatureType(int(str(said["signature_type"]))),
    )


def no_epoch() -> int:
    """Return the epoch of who holds no lease."""
    return 0


class RemoteSigner:
    """Implements Signer, EarlySigner, AuthSigner and RedemptionSigner by asking the process."""

    def __init__(
        self,
        link: SignerLink,
        address: Wallet,
        build: str,
        epoch: Callable[[], int] = no_epoch,
    ) -> None:
        """Ask over `link` as a worker of `build`, under the lease's epoch of the moment."""
        self._link = link
        self._address = address
        self._epoch = epoch
        self._build = build
        self._form = OrderFormV2()
        self._made: OrderedDict[OrderHash, str] = OrderedDict()

    @property
    def address(self) -> Wallet:
        """Return the key's own address."""
        return self._address

    def under(self, epoch: Callable[[], int]) -> "RemoteSigner":
        """Return one that asks under another lease."""
        return RemoteSigner(self._link, self._address, self._build, epoch)

    async def sign_early(self, intent: Intent) -> SignRefusal | None:
        """Have an order signed and keep the signature until it is sent."""
        order_hash = intent.order.order_hash
        try:
            self._made[order_hash] = await self._ask_signature(order_hash)
        except RefusedError as no:
            self._made.pop(order_hash, None)
            return no.refusal
        while len(self._made) > KEPT_MAX:
            self._made.popitem(last=False)
        return None

    async def sign_order(self, order: UnsignedOrder) -> str:
        """Return the signature that was made early, or ask for one; raise as the link does."""
        order_hash = self._form.hash_order(order)
        made = self._made.pop(order_hash, None)
        return made if made is not None else await self._ask_signature(order_hash)

    async def sign_attestation(self, timestamp_s: int, nonce: int) -> str:
        """Return the ClobAuth signature; raise as the link does."""
        asked: Document = {"ask": "attest", "timestamp_s": timestamp_s, "nonce": nonce}
        return str((await self._link.ask(asked))["signature"])

    async def sign_envelope(self, request: RedeemRequest) -> dict[str, object]:
        """Return the body of the relayer's `/submit`; raise as the link does."""
        envelope = (await self._ask_redemption(request))["envelope"]
        assert isinstance(envelope, dict), "an envelope is a JSON object"
        return envelope

    async def sign_transaction(self, request: RedeemRequest) -> tuple[str, str]:
        """Return a plain key's signed transaction and its hash; raise as the link does."""
        said = await self._ask_redemption(request)
        return str(said["raw"]), str(said["hash"])

    async def _ask_signature(self, order_hash: OrderHash) -> str:
        asked: Document = {
            "ask": "sign",
            "order": order_hash,
            "epoch": self._epoch(),
            "build": self._build,
        }
        return str((await self._link.ask(asked))["signature"])

    async def _ask_redemption(self, request: RedeemRequest) -> Document:
        return await self._link.ask(
            {
                "ask": "redeem",
                "condition_id": request.condition_id,
                "nonce": request.nonce,
                "epoch": self._epoch(),
                "build": self._build,
            }
        )
