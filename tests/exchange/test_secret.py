"""Secrets show themselves nowhere, and go nowhere by accident."""

import copy
import pickle
import traceback
from dataclasses import asdict, dataclass

import pytest
from pydantic import BaseModel, SecretStr

from exchange.secret import PrivateUrl, Secret, secrets_of_url, shown_url

WORD = "correct-horse-battery"
URL = f"postgresql://ann:{WORD}@db.example:5432/whales"


@dataclass(frozen=True)
class Held:
    secret: Secret
    url: PrivateUrl


class Modelled(BaseModel):
    secret: Secret


HELD = Held(Secret(WORD), PrivateUrl(URL))


@pytest.mark.parametrize(
    "shown",
    [
        repr(HELD),
        str(HELD),
        str(asdict(HELD)),
        repr(copy.deepcopy(HELD)),
        f"{HELD.secret} {HELD.secret!r}",
        repr([HELD.url]),
        str(Modelled(secret=Secret(WORD))),
        Modelled(secret=Secret(WORD)).model_dump_json(),
        str(Modelled.model_validate({"secret": WORD}).model_dump()),
    ],
)
def test_a_secret_is_not_shown(shown: str) -> None:
    assert WORD not in shown


@pytest.mark.parametrize("kept", [HELD, HELD.secret, HELD.url, [HELD.url]], ids=repr)
def test_a_secret_is_not_pickled(kept: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="expected something to pickle") as refusal:
            pickle.dumps(kept, protocol)
        assert WORD not in "".join(traceback.format_exception(refusal.value))


def test_what_pydantic_offers_is_pickled_which_is_why_there_is_another() -> None:
    assert WORD.encode() in pickle.dumps(SecretStr(WORD))
    assert WORD in repr(asdict(Held(Secret(WORD), URL)))  # type: ignore[arg-type]  # a plain str


def test_a_copy_is_the_secret_itself() -> None:
    assert copy.copy(HELD.secret) is HELD.secret
    assert copy.copy(HELD.url) is HELD.url
    assert copy.deepcopy(HELD).secret.get_secret_value() == WORD


def test_a_driver_is_given_the_whole_address() -> None:
    assert HELD.url == URL
    assert f"{HELD.url}" == URL
    assert repr(HELD.url) == "'postgresql://db.example:5432/[redacted]'"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("no address", "[redacted]"),
        ("http://[broken", "[redacted]"),
        ("https://rpc.example/v2/key", "https://rpc.example/[redacted]"),
        ("redis://:word@127.0.0.1:6379/0", "redis://127.0.0.1:6379/[redacted]"),
    ],
)
def test_an_address_shows_its_host_only(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (URL, (WORD,)),
        ("https://polygon.example/v2/Abc123Abc123Abc123", ("Abc123Abc123Abc123",)),
        ("https://polygon.example/rpc?key=Abc123Abc123Abc123", ("Abc123Abc123Abc123",)),
        ("postgresql://u@/db?host=/a/quite/long/path/of/a/socket", ()),
        ("http://[broken", ()),
        ("", ()),
    ],
)
def test_what_is_secret_in_an_address_is_found(url: str, secrets: tuple[str, ...]) -> None:
    assert secrets_of_url(url) == secrets
