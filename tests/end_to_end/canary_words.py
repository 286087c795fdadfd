"""Every secret that the product can hold, made up and planted, and where a run keeps its own."""

import json
import re
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from codec_keys import add_key
from storage.roles import Role
from tests.certificates import Certificates

PRIVATE, RELAYER = "private key", "relayer key"
POSTGRES, REDIS = "PostgreSQL's password", "Redis's password"
SIGNER_LOGIN = "the signer's own password for PostgreSQL"
NODES = ("chain node's key, by HTTP", "chain node's key, by WebSocket", "chain node's password")
TEMPORAL_KEY, TLS_KEY = "Temporal's API key", "key of our certificate for Temporal"
API = ("API key", "API secret", "API passphrase")
SIGNATURES = "signatures of orders"
CODEC = ("codec key", "codec token")
ALWAYS = frozenset(
    {PRIVATE, RELAYER, POSTGRES, REDIS, SIGNER_LOGIN, *NODES, TEMPORAL_KEY, TLS_KEY, *API}
    | {SIGNATURES}
)
"""The fourteen of every run; with the codec there are two more."""
MAY_HOLD = {
    "cli.py": (PRIVATE, RELAYER, POSTGRES, REDIS, SIGNER_LOGIN, *NODES),
    "worker.py": (RELAYER, POSTGRES, REDIS, *NODES),
    "-m signer": (PRIVATE, SIGNER_LOGIN),
    "-m ingest": (POSTGRES, REDIS, *NODES),
    "-m dashboard": (POSTGRES,),
}
"""Which secrets may be in whose environment, by a word of the command line."""
_R_OF_SIGNATURE = re.compile(r'"signature": ?"0x([0-9a-f]{62})')
_PEM_LINE_MIN = 40

Words = Mapping[str, str | Sequence[str]]


class Canaries:
    """One of each secret that the settings can name, all made up."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.key_file = folder / "canary-codec-keys"
        add_key(self.key_file, datetime(2026, 11, 22, tzinfo=UTC))
        self.words = {
            PRIVATE: "0x" + secrets.token_hex(32),
            RELAYER: f"relayer-{secrets.token_hex(16)}",
            POSTGRES: f"pg+{secrets.token_hex(12)}",
            REDIS: f"redis-{secrets.token_hex(12)}",
            SIGNER_LOGIN: f"signer+{secrets.token_hex(12)}",
            NODES[0]: secrets.token_hex(16),
            NODES[1]: secrets.token_hex(12),
            NODES[2]: f"node/{secrets.token_hex(12)}",
            TEMPORAL_KEY: f"temporal-{secrets.token_hex(16)}",
            CODEC[0]: self.key_file.read_text().split()[-1],
        }
        self.certificates = certificates
        self.api_key_file = folder / "canary-temporal-api-key"
        self.api_key_file.write_text(self.words[TEMPORAL_KEY] + "\n")
        self.api_key_file.chmod(0o400)

    def environment(self, **more: str) -> dict[str, str]:
        """Return settings that hold them, but for those of servers."""
        http, ws, login = (quote(self.words[node], safe="") for node in NODES)
        return {
            "WHALECOPY_PRIVATE_KEY": self.words[PRIVATE],
            "WHALECOPY_RELAYER_API_KEY": self.words[RELAYER],
            "WHALECOPY_RPC_HTTP_URLS": json.dumps([f"https://ann:{login}@rpc.example/v2/{http}"]),
            "WHALECOPY_RPC_WS_URLS": json.dumps([f"wss://rpc.example/?key={ws}"]),
            "WHALECOPY_TEMPORAL_TLS_CA": str(self.certificates.ca),
            "WHALECOPY_TEMPORAL_TLS_CERT": str(self.certificates.client_cert),
            "WHALECOPY_TEMPORAL_TLS_KEY": str(self.certificates.client_key),
            "WHALECOPY_TEMPORAL_API_KEY_FILE": str(self.api_key_file),
            **more,
        }

    def logins(self, database_url: str) -> dict[str, str]:
        """Return the settings of a PostgreSQL, given as its owner's address without a password."""
        ours, signers = (quote(self.words[who], safe="") for who in (POSTGRES, SIGNER_LOGIN))
        return {
            "DATABASE_URL": database_url.replace("postgres@", f"postgres:{ours}@"),
            "WHALECOPY_SIGNER_DATABASE_URL": database_url.replace(
                "postgres@", f"{Role.SIGNER}:{signers}@"
            ),
        }

    @property
    def all_words(self) -> Words:
        """Return every secret that was planted, by name; a key file has several lines."""
        lines = self.certificates.client_key.read_text().splitlines()
        key = tuple(line for line in lines if len(line) >= _PEM_LINE_MIN)
        assert key, "expected lines of a key"
        return {**self.words, TLS_KEY: key}


def plant_api_user(home: Path) -> None:
    """Give a home an API user as a worker leaves it."""
    user = {
        "address": "0x" + "1" * 40,
        "funder": "0x" + "2" * 40,
        "signature_type": 3,
        "key": f"api-{secrets.token_hex(12)}",
        "secret": secrets.token_urlsafe(32),
        "passphrase": secrets.token_hex(24),
    }
    (home / "api-user.json").write_text(json.dumps(user))


def secrets_of_home(home: Path) -> dict[str, str]:
    """Return the secrets that a home really has."""
    user = json.loads((home / "api-user.json").read_text())
    found = {name: user[name.removeprefix("API ")] for name in API}
    for path in home.glob("paper-wallet-*.json"):
        found[path.name] = json.loads(path.read_text())["private_key"]
    token = home / "codec-token"
    return {**found, CODEC[1]: token.read_text()} if token.exists() else found


def signatures_of(home: Path) -> Sequence[str]:
    """Return the beginnings of the signatures that the local venue was sent with our orders.

    The first 62 digits are as good as all of them: no other program makes the same.
    """
    found: list[str] = []
    for path in home.glob("paper/**/venue.db"):
        venue = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for (body,) in venue.execute("SELECT body FROM orders"):
                found += _R_OF_SIGNATURE.findall(body)
        finally:
            venue.close()
    return found
