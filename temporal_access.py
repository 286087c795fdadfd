"""The one place where a process of ours connects to Temporal: its keys and its data converter."""

from dataclasses import dataclass
from typing import Protocol

from temporalio.client import Client

from codec import converter_of
from codec_keys import NO_CODEC, CodecFile, CodecKeysError
from embedded.errors import UnreachableError
from embedded.temporal_keys import NO_KEY_FILES, TemporalKeyFiles, TemporalKeys, refuse_stranger
from scrubbing import SCRUBBER


class TemporalPlace(Protocol):
    """Which Temporal, as the settings name it."""

    @property
    def temporal_address(self) -> str:
        """Return its host and port."""

    @property
    def temporal_namespace(self) -> str:
        """Return the namespace of our workflows."""

    @property
    def temporal_keys(self) -> TemporalKeyFiles:
        """Return where the keys of the connection lie."""

    @property
    def codec(self) -> CodecFile:
        """Return where the keys lie that encrypt what it keeps."""


TemporalRefusedError = UnreachableError
"""What is raised where no second try can help, for those who do not know the stack's errors."""


@dataclass(frozen=True, slots=True)
class Place:
    """A Temporal that no settings name."""

    temporal_address: str
    temporal_namespace: str
    temporal_keys: TemporalKeyFiles = NO_KEY_FILES
    codec: CodecFile = NO_CODEC


def read_keys(files: TemporalKeyFiles) -> TemporalKeys:
    """Read what a connection proves itself with; this process's words lose it from then on.

    Raises:
        UnreachableError: one of the files cannot be read.
    """
    keys = files.read()
    SCRUBBER.learn(*keys.secrets)
    return keys


async def connect_temporal(
    place: TemporalPlace, *, address: str = "", lazy: bool = False
) -> Client:
    """Connect, at `address` if that is given; lazily, the first call connects.

    Raises:
        UnreachableError: a key cannot be read, or the other side is not who it should be.
        RuntimeError: nobody answered.
    """
    keys, where = read_keys(place.temporal_keys), address or place.temporal_address
    try:
        return await Client.connect(
            where,
            namespace=place.temporal_namespace,
            data_converter=converter_of(place.codec, place.temporal_namespace),
            tls=keys.tls,
            api_key=keys.api_key,
            lazy=lazy,
        )
    except CodecKeysError as error:
        raise UnreachableError(str(error)) from error
    except RuntimeError as error:
        refuse_stranger(error, where)
        raise
