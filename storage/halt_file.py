"""The kill switch that needs nobody: a file named HALT in the home, made by hand."""

import socket
from pathlib import Path

from storage.guard_port import HaltNote

NAME = "HALT"
WORDS_MAX = 200
BYTES_READ = 2000
CLOSE_ALL = "close-all"


class HaltFile:
    """Looks for the file. What it says is the reason; the word `close-all` in it closes all."""

    def __init__(self, home: Path) -> None:
        self._path = home.absolute() / NAME

    @property
    def place(self) -> str:
        """Return where the file would lie, on which machine."""
        return f"{socket.gethostname()}:{self._path}"

    def read(self) -> HaltNote | None:
        """Return what the file says, None without one; one that cannot be read halts too."""
        try:
            with self._path.open("rb") as file:
                words = file.read(BYTES_READ).decode("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return HaltNote(f"it cannot be read: {error.strerror}")
        return HaltNote(words[:WORDS_MAX] or "it says nothing", CLOSE_ALL in words.lower())
