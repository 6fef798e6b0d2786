"""Request bodies, checked by pydantic. Unknown fields are ignored, as on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

OurTime = TypeVar("OurTime", date, datetime)

EARLIEST_YEAR = 1949
LATEST_YEAR = 2200


def _near_our_time(moment: OurTime) -> OurTime:
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"年份应在 {EARLIEST_YEAR} 与 {LATEST_YEAR} 之间")
    return moment


Day = Annotated[date, AfterValidator(_near_our_time)]
Moment = Annotated[AwareDatetime, AfterValidator(_near_our_time)]

Text = Annotated[str, Field(max_length=200_000)]
Identifier = Annotated[str, Field(min_length=1, max_length=400)]


class CheckItem(BaseModel):
    """One text to check."""

    text: Text
    category: Annotated[str | None, Field(max_length=40)] = None
    kind: Literal["transcript", "listing"] = "transcript"
    at: Moment | Day | None = None
    context: Any = None


class CheckRequest(BaseModel):
    """Up to 1,000 texts."""

    items: Annotated[list[CheckItem], Field(max_length=1000)]


class FlagDecision(BaseModel):
    """An officer's decision on a flag."""

    outcome: Literal["confirmed", "dismissed", "corrected", "transferred"]
    note: Annotated[str, Field(max_length=2000)] = ""
    code: Annotated[str | None, Field(max_length=24)] = None
    severity: Literal["S1", "S2", "S3", "S4"] | None = None
    corrects: Annotated[str | None, Field(max_length=32)] = None


class Contact(BaseModel):
    """How the complainant can be reached; goes into the vault and nowhere else."""

    name: Annotated[str, Field(max_length=60)]
    phone: Annotated[str, Field(max_length=30)]


class NewComplaint(BaseModel):
    """A complaint or report from the public."""

    kind: Literal["complaint", "report"]
    platform: Identifier
    text: Annotated[str, Field(max_length=5000)]
    contact: Contact
    room: Identifier | None = None
    subject: Identifier | None = None
    request: Annotated[str | None, Field(max_length=2000)] = None


class Lookup(BaseModel):
    """The tracking code given when the complaint was filed."""

    tracking_code: Annotated[str, Field(min_length=1, max_length=60)]
