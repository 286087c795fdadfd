"""Addresses of the wallets that an owner key controls, derived as the factories deploy them.

Each is a CREATE2 address of the owner alone, so the venue knows whose wallet it is without a chain.
Source: the wallet factories, implementations and proxy byte codes published for Polygon mainnet.
"""

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

_PROXY_FACTORY = "aB45c5A4B0c941a2F231C04C3f49182e1A254052"
_PROXY_IMPLEMENTATION = "44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
_SAFE_FACTORY = "aacFeEa03eb1561C4e67d661e40682Bd20E3541b"
_SAFE_CODE_HASH = "2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
_DEPOSIT_FACTORY = "00000000000Fb5C9ADea0298D729A0CB3823Cc07"
_DEPOSIT_IMPLEMENTATION = "58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
_DEPOSIT_BEACON = "7A18EDfe055488A3128f01F563e5B479D92ffc3a"

# ERC-1167 clone of the proxy factory, then the call data of its constructor.
_PROXY_CODE = (
    "3d3d606380380380913d393d73" + _PROXY_FACTORY + "5af4602a57600080fd5b602d8060366000396000f3"
    "363d3d373d3d3d363d73"
    + _PROXY_IMPLEMENTATION
    + "5af43d82803e903d91602b57fd5bf352e831dd"
    + f"{32:064x}{0:064x}"
)
# ERC-1967 proxies with immutable arguments; the two bytes before the tail are the argument size.
_UUPS_SIZE_BASE, _BEACON_SIZE_BASE = 0x3D, 0x52
_UUPS_TAIL = (
    "6009"
    "5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)
_BEACON_TAIL = (
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)


def wallet_of(owner: str, signature_type: int) -> str:
    """Return the wallet that an owner trades from under a signature type.

    Type 0 is the owner itself, 1 its proxy, 2 its safe, 3 its deposit wallet (the current, beacon
    kind); all checksummed.
    """
    return wallets_of(owner, signature_type)[0]


def wallets_of(owner: str, signature_type: int) -> tuple[str, ...]:
    """Return every wallet of a type that an owner may have; type 3 has a current and an old kind.

    Raises:
        ValueError: there is no such signature type.
    """
    match signature_type:
        case 0:
            return (to_checksum_address(owner),)
        case 1:
            return (_proxy(owner),)
        case 2:
            return (_safe(owner),)
        case 3:
            return (_beacon_deposit(owner), _uups_deposit(owner))
        case _:
            raise ValueError(f"expected a signature type from 0 to 3, got {signature_type}")


def _proxy(owner: str) -> str:
    salt = keccak(to_canonical_address(owner))
    return _create2(_PROXY_FACTORY, salt, keccak(hexstr=_PROXY_CODE))


def _safe(owner: str) -> str:
    salt = keccak(encode(["address"], [owner]))
    return _create2(_SAFE_FACTORY, salt, bytes.fromhex(_SAFE_CODE_HASH))


def _beacon_deposit(owner: str) -> str:
    arguments = _deposit_arguments(owner)
    code = _initcode(_BEACON_SIZE_BASE, len(arguments), _DEPOSIT_BEACON + _BEACON_TAIL)
    return _create2(_DEPOSIT_FACTORY, keccak(arguments), keccak(code + arguments))


def _uups_deposit(owner: str) -> str:
    arguments = _deposit_arguments(owner)
    code = _initcode(_UUPS_SIZE_BASE, len(arguments), _DEPOSIT_IMPLEMENTATION + _UUPS_TAIL)
    return _create2(_DEPOSIT_FACTORY, keccak(arguments), keccak(code + arguments))


def _deposit_arguments(owner: str) -> bytes:
    wallet_id = to_canonical_address(owner).rjust(32, b"\x00")
    return encode(["address", "bytes32"], ["0x" + _DEPOSIT_FACTORY, wallet_id])


def _initcode(size_base: int, argument_size: int, rest: str) -> bytes:
    return bytes.fromhex(f"61{size_base + argument_size:04x}3d8160233d3973{rest}")


def _create2(factory: str, salt: bytes, code_hash: bytes) -> str:
    return to_checksum_address(keccak(b"\xff" + bytes.fromhex(factory) + salt + code_hash)[-20:])
