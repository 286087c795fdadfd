"""Encrypts what Temporal keeps of our workflows: arguments, results, signals, words of errors."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from Crypto.Cipher import AES
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from codec_keys import CodecFile, KeyRing

ENCODING = b"binary/encrypted"
CIPHER = b"aes-256-gcm/1"
NONCE_BYTES = 12
TAG_BYTES = 16
_OF_SCHEDULE = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class CodecError(Exception):
    """What Temporal gave back was not written by us; says what came, and shows none of it."""


class SealedCodec(PayloadCodec, WithSerializationContext):
    """Encrypts whole payloads with AES-256-GCM; decodes only what it encrypted.

    Each is bound to its namespace and to the workflow it belongs to, where the SDK says which:
    moved into another one, it is refused. What is not encrypted is refused too, unless
    `allows_plain` says that encryption is just being switched on.
    """

    def __init__(
        self, ring: KeyRing, namespace: str, *, allows_plain: bool = False, workflow_id: str = ""
    ) -> None:
        self._ring = ring
        self._namespace = namespace
        self._allows_plain = allows_plain
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> Self:
        """Return a codec for one workflow's payloads."""
        kinds = WorkflowSerializationContext | ActivitySerializationContext
        workflow_id = context.workflow_id if isinstance(context, kinds) else None
        return type(self)(
            self._ring,
            self._namespace,
            allows_plain=self._allows_plain,
            workflow_id=workflow_id or "",
        )

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload with the newest key."""
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decode each payload.

        Raises:
            CodecError: one of them is not ours, was moved or changed, or its key is gone.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        key = self._ring.newest
        bound_to = self._workflow_id.encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = AES.new(key.secret, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(self._bound(key.key_id.encode(), bound_to))
        sealed, tag = cipher.encrypt_and_digest(payload.SerializeToString())
        metadata = {
            "encoding": ENCODING,
            "cipher": CIPHER,
            "key-id": key.key_id.encode(),
            "bound-to": bound_to,
        }
        return Payload(metadata=metadata, data=nonce + sealed + tag)

    def _open(self, payload: Payload) -> Payload:
        found = payload.metadata
        if found.get("encoding") != ENCODING:
            if self._allows_plain:
                return payload
            came = found.get("encoding", b"nothing").decode("ascii", "replace")[:40]
            raise CodecError(
                f"expected an encrypted payload, received {came}: who writes to Temporal without "
                "our keys? While encryption is being switched on, set WHALECOPY_CODEC_ALLOW_PLAIN"
            )
        bound_to, key_id = found.get("bound-to", b""), found.get("key-id", b"")
        self._refuse_moved(bound_to.decode("utf-8", "replace"))
        shown = key_id.decode("ascii", "replace")[:40]
        key = self._ring.find(shown)
        if key is None:
            raise CodecError(
                f"expected a key that is known, received {shown!r}: put it back into the file that "
                "WHALECOPY_CODEC_KEYS names, below the newest"
            )
        return _decrypt(key.secret, payload.data, self._bound(key_id, bound_to))

    def _refuse_moved(self, bound_to: str) -> None:
        ours = self._workflow_id
        is_ours = not ours or bound_to == ours
        is_of_schedule = bound_to and _OF_SCHEDULE.fullmatch(ours.removeprefix(bound_to))
        if not is_ours and not is_of_schedule:
            raise CodecError(f"expected a payload of workflow {ours!r}, received another's")

    def _bound(self, key_id: bytes, bound_to: bytes) -> bytes:
        """Return what is proven beside the content; lengths keep the parts apart."""
        parts = (CIPHER, key_id, self._namespace.encode(), bound_to)
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _decrypt(secret: bytes, data: bytes, bound: bytes) -> Payload:
    nonce, sealed, tag = data[:NONCE_BYTES], data[NONCE_BYTES:-TAG_BYTES], data[-TAG_BYTES:]
    try:
        cipher = AES.new(secret, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(bound)
        return Payload.FromString(cipher.decrypt_and_verify(sealed, tag))
    except (ValueError, DecodeError):
        raise CodecError(
            "expected a payload that our key encrypted for this namespace, received a changed or "
            "foreign one"
        ) from None


def converter_of(file: CodecFile, namespace: str) -> DataConverter:
    """Return how a process of ours writes for Temporal: encrypted where there are keys.

    Raises:
        CodecKeysError: the keys cannot be read.
    """
    if file.path is None:
        return pydantic_data_converter
    codec = SealedCodec(KeyRing(file.path), namespace, allows_plain=file.allows_plain)
    return replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
