"""How a Temporal server is trusted, and what it wants to see of us: certificates or an API key."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from embedded.errors import UnreachableError

if TYPE_CHECKING:  # nothing here is a payload type
    from temporalio.service import TLSConfig


@dataclass(frozen=True, slots=True)
class TemporalKeys:
    """What a connection proves itself with, and whom it believes. Nothing given: no TLS.

    Attributes:
        ca: certificates that may have signed the server's; None is those of the system.
        cert: our own certificate; with `key`, which is never shown.
        server_name: what the server's certificate must say, when it is not the address's host.
        api_key: sent with every call; it goes over TLS only.
    """

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    api_key: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may be told: the API key, and the lines of our private key."""
        lines = (self.key or b"").decode("ascii", "replace").splitlines()
        words = [line.strip() for line in lines if not line.startswith("-----")]
        return tuple(word for word in (self.api_key or "", *words) if word)

    @property
    def tls(self) -> "TLSConfig | bool":
        """Return what the client wants to hear of TLS."""
        given = (self.ca, self.cert, self.key, self.server_name, self.api_key)
        if all(each is None for each in given):
            return False
        from temporalio.service import TLSConfig

        return TLSConfig(
            server_root_ca_cert=self.ca,
            domain=self.server_name,
            client_cert=self.cert,
            client_private_key=self.key,
        )


NO_KEYS = TemporalKeys()
WORDS_MAX = 300
_DENIED = (7, 16)  # gRPC: PERMISSION_DENIED, UNAUTHENTICATED


@dataclass(frozen=True, slots=True)
class TemporalKeyFiles:
    """Where the parts of `TemporalKeys` lie, as the settings name them."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    api_key: Path | None = None
    server_name: str = ""

    def read(self) -> TemporalKeys:
        """Read the files.

        Raises:
            UnreachableError: one of them cannot be read, or a certificate comes without its key.
        """
        if (self.cert is None) is not (self.key is None):
            raise UnreachableError(
                "expected WHALECOPY_TEMPORAL_TLS_CERT and WHALECOPY_TEMPORAL_TLS_KEY together, "
                "received one of them"
            )
        api_key = _read("WHALECOPY_TEMPORAL_API_KEY_FILE", self.api_key)
        return TemporalKeys(
            ca=_read("WHALECOPY_TEMPORAL_TLS_CA", self.ca),
            cert=_read("WHALECOPY_TEMPORAL_TLS_CERT", self.cert),
            key=_read("WHALECOPY_TEMPORAL_TLS_KEY", self.key),
            server_name=self.server_name or None,
            api_key=None if api_key is None else api_key.decode("ascii", "replace").strip(),
        )


NO_KEY_FILES = TemporalKeyFiles()


def refuse_stranger(error: BaseException, address: str) -> None:
    """Raise UnreachableError where no second try can help: whom we meet is not who it should be.

    Raises:
        UnreachableError: the certificate, the key or the right to the namespace is wrong.
    """
    words = str(error)
    if "certificate" in words.lower():
        raise UnreachableError(
            f"TEMPORAL_ADDRESS: {address} shows a certificate that is not trusted, or wants one "
            f"of ours: check WHALECOPY_TEMPORAL_TLS_CA, _CERT and _KEY ({words[:WORDS_MAX]})"
        ) from error
    if getattr(error, "status", None) in _DENIED:
        raise UnreachableError(
            f"TEMPORAL_ADDRESS: {address} does not believe who we are: check "
            f"WHALECOPY_TEMPORAL_API_KEY_FILE ({words[:WORDS_MAX]})"
        ) from error


def _read(variable: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        found = path.read_bytes()
    except OSError as error:
        raise UnreachableError(f"{variable}: {path} cannot be read: {error.strerror}") from error
    if not found.strip():
        raise UnreachableError(f"{variable}: expected something in {path}, found it empty")
    return found
