"""Plans of faults as JSON: read strictly, since a plan that is misread tests nothing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paper.fault_names import NAMES, delay_ms
from paper.fault_profiles import PROFILES
from paper.faults import RULES_MAX, Fault, FaultPlan, Faults, Point
from paper.wire import Json

SECONDS_MAX = 3600
_COMPLAINTS_MAX = 5

Share = Annotated[Decimal, Field(ge=0, le=1)]
Seconds = Annotated[Decimal, Field(ge=0, le=SECONDS_MAX)]
Text = Annotated[str, Field(max_length=500)]


class PlanError(Exception):
    """A plan cannot be read; the message says what was expected where, and what came."""


class RuleIn(BaseModel):
    """One rule of a plan; what is left out has the defaults of `Fault`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Point
    fault: Text
    share: Share = Decimal(1)
    count: Annotated[int, Field(ge=1)] | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    delay_s: Seconds | None = None
    delay_max_s: Seconds | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    text: Text = ""
    retry_after_s: Annotated[int, Field(ge=0, le=SECONDS_MAX)] | None = None
    size_share: Share = Decimal(1)
    size_share_max: Share | None = None
    match: dict[Text, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse a fault that its point does not know, and ranges that run backwards."""
        if self.fault not in NAMES[self.at]:
            raise ValueError(
                f"expected one of {', '.join(NAMES[self.at])} at {self.at}, got {self.fault!r}"
            )
        if self.delay_max_s is not None and self.delay_max_s < (self.delay_s or 0):
            raise ValueError("expected delay_max_s to be delay_s or more")
        if self.size_share_max is not None and self.size_share_max < self.size_share:
            raise ValueError("expected size_share_max to be size_share or more")
        return self

    def rule(self) -> Fault:
        """Return the rule; a delay that is not given is the fault's own."""
        is_range = self.delay_max_s is not None
        unasked = 0 if is_range else delay_ms(self.fault)
        return Fault(
            at=self.at,
            fault=self.fault,
            share=self.share,
            count=self.count,
            skip=self.skip,
            delay_ms=unasked if self.delay_s is None else int(self.delay_s * 1000),
            delay_max_ms=None if self.delay_max_s is None else int(self.delay_max_s * 1000),
            status=self.status,
            text=self.text,
            retry_after_s=self.retry_after_s,
            size_share=self.size_share,
            size_share_max=self.size_share_max,
            match=self.match,
        )


class PlanIn(BaseModel):
    """A plan: its own rules or those of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 1
    rules: Annotated[list[RuleIn], Field(max_length=RULES_MAX)] | None = None
    profile: str | None = None

    @model_validator(mode="after")
    def check(self) -> Self:
        """Refuse unknown profiles, and plans that say the same thing twice."""
        if self.rules is not None and self.profile is not None:
            raise ValueError("expected rules or a profile, got both")
        if self.profile is not None and self.profile not in PROFILES:
            names = ", ".join(PROFILES)
            raise ValueError(f"expected one of {names} as profile, got {self.profile!r}")
        return self

    def plan(self) -> FaultPlan:
        """Return the plan."""
        if self.profile is not None:
            return FaultPlan(PROFILES[self.profile], self.seed)
        return FaultPlan(tuple(rule.rule() for rule in self.rules or ()), self.seed)


def parse_plan(body: bytes) -> FaultPlan:
    """Return a plan of faults.

    Raises:
        PlanError: With what was expected where, and what came.
    """
    try:
        return PlanIn.model_validate_json(body).plan()
    except ValidationError as error:
        raise PlanError(_complaint(error)) from error


def plan_row(faults: Faults) -> dict[str, Json]:
    """Write the plan in force, with how often each rule has struck."""
    struck = faults.struck
    rules = [
        {**_rule_row(rule), "struck": struck[number]}
        for number, rule in enumerate(faults.plan.rules)
    ]
    return {"seed": faults.plan.seed, "rules": rules}


def _rule_row(rule: Fault) -> dict[str, Json]:
    return {
        "at": rule.at.value,
        "fault": rule.fault,
        "share": str(rule.share),
        "count": rule.count,
        "skip": rule.skip,
        "delay_s": _seconds(rule.delay_ms),
        "delay_max_s": None if rule.delay_max_ms is None else _seconds(rule.delay_max_ms),
        "status": rule.status,
        "text": rule.text,
        "retry_after_s": rule.retry_after_s,
        "size_share": str(rule.size_share),
        "size_share_max": None if rule.size_share_max is None else str(rule.size_share_max),
        "match": dict(rule.match),
    }


def _seconds(milliseconds: int) -> str:
    return str(Decimal(milliseconds) / 1000)


def _complaint(error: ValidationError) -> str:
    lines = [
        _line(one["loc"], one["msg"], one["input"]) for one in error.errors()[:_COMPLAINTS_MAX]
    ]
    return "; ".join(lines)


def _line(place: Sequence[int | str], message: str, got: object) -> str:
    where = ".".join(map(str, place)) or "plan"
    said = message.removeprefix("Value error, ").replace("Input should be", "expected", 1)
    is_whole = isinstance(got, dict | list | bytes)
    return f"{where}: {said}" if is_whole else f"{where}: {said}, got {got!r}"[:500]
