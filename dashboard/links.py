"""Where a workflow can be looked at: addresses in the Temporal UI."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from trading.types import PositionId, SignalId
from workflows.names import copy_trade_id, position_workflow_id


@dataclass(frozen=True, slots=True)
class TemporalUi:
    """The Temporal UI's address and namespace; without an address there are no links.

    Raises:
        ValueError: the address is not one of http or https.
    """

    base: str
    namespace: str

    def __post_init__(self) -> None:
        if self.base and urlsplit(self.base).scheme not in {"http", "https"}:
            raise ValueError(f"expected the Temporal UI at http(s)://..., received {self.base!r}")

    @property
    def home(self) -> str | None:
        """Return the list of workflows."""
        if not self.base:
            return None
        return f"{self.base.rstrip('/')}/namespaces/{quote(self.namespace, safe='')}/workflows"

    def trade(self, signal_id: SignalId) -> str | None:
        """Return where a signal's trade is shown."""
        return self._workflow(copy_trade_id(signal_id))

    def position(self, position_id: PositionId) -> str | None:
        """Return where a position's owner is shown."""
        return self._workflow(position_workflow_id(position_id))

    def _workflow(self, workflow_id: str) -> str | None:
        return f"{self.home}/{quote(workflow_id, safe='')}" if self.base else None
