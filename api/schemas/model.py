"""What the API answers: the contract with the dashboard and every other client (contracts 6).

Numbers are JSON numbers: `_pct` and `_percent` are percent, `_weight` is a fraction, `_pp` percentage points, market
caps are USD. What could not be computed is null, never NaN. `_date` is a session in New York, `_at` an instant in UTC.
"""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import choices

Ticker = Annotated[str, Field(description="The source's symbol", examples=["NVDA"])]
EtfTicker = Annotated[str, Field(description="The ETF's symbol", examples=["QQQ"])]
EtfType = Annotated[choices.EtfType, Field(description="How it is shown; QQQ is a sector")]
SectorName = Annotated[str | None, Field(description="Sector it stands for; null for a benchmark")]
Price = Annotated[float, Field(description="In the instrument's own currency, split-adjusted")]
MonthName = Annotated[str, Field(description="Calendar month", pattern=r"^\d{4}-\d{2}$", examples=["2026-01"])]
Currency = Annotated[str | None, Field(description="ISO code of the prices' currency; null when unknown")]
CompanyName = Annotated[str | None, Field(description="Company name; null when the source has none")]
Sector = Annotated[str, Field(description="Sector name, or Unknown", examples=["Technology"])]
Percent = Annotated[float, Field(description="Percent")]
Weight = Annotated[float, Field(description="Fraction of the portfolio; all weights sum to exactly 1", ge=0, le=1)]
WeightPct = Annotated[float, Field(description="The same weight in percent", ge=0, le=100)]
ReturnPct = Annotated[float, Field(description="Total return over the period, percent, in the stock's own currency")]
MarketCap = Annotated[int | None, Field(description="Whole-company market cap at as_of_date, USD")]
PeriodDays = Annotated[int, Field(description="Look-back in NYSE sessions: 5, 10 or 20")]


class Model(BaseModel):
    """Reads the database's typed rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Problem(BaseModel):
    """An error (RFC 9457), media type application/problem+json. Further members by kind of problem."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(default="about:blank", description="Kind of problem")
    title: str = Field(description="Short name of the problem")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="One sentence that says what to do about it")


class Dated(Model):
    """Which session an answer describes, and how fresh it is."""

    as_of_date: date = Field(description="Session the answer describes")
    computed_at: datetime | None = Field(
        description="When it was computed, or fetched (wall clock, UTC); null when it was not"
    )
    is_current: bool = Field(
        description="No session after as_of_date closed more than API_FRESH_HOURS (default 18) ago"
    )


class Page(Dated):
    """Part of a long list. Rows that arrive while a caller reads neither repeat nor hide others."""

    next_cursor: str | None = Field(description="Send as cursor for the next part; null at the end of the list")
