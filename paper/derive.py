"""Names and numbers that look random and are not: all follow from what they are named after."""

from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from eth_utils.address import is_address, to_checksum_address

_WORD = 1 << 256
_RESERVED = ((1 << 64) - 1) << 40


def digest(*parts: object) -> bytes:
    """Hash the parts, in order, to 32 bytes."""
    return sha256("|".join(map(str, parts)).encode()).digest()


def hash_text(*parts: object) -> str:
    """Name something the way hashes are written: 0x and 64 hex digits."""
    return f"0x{digest(*parts).hex()}"


def wallet_address(*parts: object) -> str:
    """Make up a wallet address, checksummed."""
    return to_checksum_address(digest("wallet", *parts)[:20])


def uuid_text(*parts: object) -> str:
    """Make up a UUID (its variant and version bits are set)."""
    return str(UUID(bytes=digest("uuid", *parts)[:16], version=4))


def draw(below: int, *parts: object) -> int:
    """Pick a number from 0 to `below - 1`; the same parts pick the same number."""
    return int.from_bytes(digest("draw", *parts)[:8]) % below


@lru_cache(maxsize=4096)
def account_name(wallet: str) -> str:
    """Write a wallet's address one way only; what is no address stays as it is."""
    return to_checksum_address(wallet) if is_address(wallet) else wallet


def ctf_ids(play_id: str, recorded_id: str) -> tuple[str, tuple[str, str]]:
    """Derive a CTF market's condition id and token ids for one play.

    Clients tell the protocols apart by bits 40 to 103 of the token id, all zero in Protocol V2
    alone, so that one of them is always set here.
    """
    condition_id = hash_text("condition", play_id, recorded_id)
    first, second = (
        int.from_bytes(digest("token", condition_id, index)) | (1 << 40) for index in (0, 1)
    )
    return condition_id, (str(first), str(second))


def protocol_v2_ids(play_id: str, recorded_id: str) -> tuple[str, tuple[str, str]]:
    """Derive a Protocol V2 market's condition id and position ids for one play.

    A position id is a module number (1), the market's bytes with bits 40 to 103 zero, and the
    outcome's index as its last byte; the condition id is the same with a last byte of zero.
    """
    low = int.from_bytes(digest("condition", play_id, recorded_id)) & (_WORD // 256 - 1)
    base = ((1 << 248) | low) & ~_RESERVED & ~0xFF
    return f"0x{base:064x}", (str(base), str(base | 1))
