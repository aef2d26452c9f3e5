"""Sectors by month (rules 7)."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from fastapi import APIRouter, Request, Response

from api.dependencies import App, Database
from api.months import LAST, dated, one_month
from api.parameters import Month, Year
from api.problems import DOCUMENTED
from api.schemas import SectorList, SectorMonth, SectorMonthWithStocks, SectorRow, SectorsOfMonth, StockMonth
from api.tables import CSV_DOCUMENTED, table_answer
from config.universe import ETFS, SECTOR_NAMES, UNKNOWN_SECTOR
from database import read_months
from database.read_months import Month as MonthRow

router = APIRouter(prefix="/sectors", tags=["sectors"], responses=DOCUMENTED)
BEST_STOCKS = 10
ETF_OF = {etf.sector_name: etf.ticker for etf in ETFS if etf.sector_name is not None}


@router.get("/", summary="All sectors", response_model=SectorList, responses=CSV_DOCUMENTED)
def sectors(request: Request, app: App, db: Database) -> SectorList | Response:
    """The sector names in use, the ETF that stands for each, its known stocks, and the newest month (rules 7).

    Before the first month the returns are null.
    """
    newest = read_months.months(db, until=LAST, count=1)
    counts = read_months.stock_counts(db)
    of_sector = {row.sector: row for row in read_months.sector_months(db, newest[0], newest[0])} if newest else {}
    etfs = {row.etf_ticker: row for row in read_months.etf_months(db, newest[0], newest[0])} if newest else {}
    dates = (
        dated(app, newest)
        if newest
        else {
            "as_of_date": app.clock.expected_session(),
            "computed_at": None,
            "is_current": False,
            "is_partial": False,
        }
    )
    rows = []
    for name in SECTOR_NAMES:
        row, etf = of_sector.get(name), etfs.get(ETF_OF.get(name, ""))
        rows.append(
            SectorRow(
                sector=name,
                etf_ticker=ETF_OF.get(name),
                stock_count=counts.get(name, 0),
                avg_monthly_return=row.avg_monthly_return if row else None,
                etf_return_pct=etf.return_pct if etf else None,
                is_trending=row.is_trending if row else None,
            )
        )
    answer = SectorList(**dates, month=newest[0].name if newest else None, sectors=rows)
    return table_answer(request, answer, name="sectors", row_type=SectorRow, rows=answer.sectors)


@router.get("/trending", summary="The sectors of a month", response_model=SectorsOfMonth, responses=CSV_DOCUMENTED)
def sectors_trending(
    request: Request, app: App, db: Database, *, year: Year = None, month: Month = None
) -> SectorsOfMonth | Response:
    """Each sector's mean return, volatility and rising days in a month, with its best stocks (rules 7).

    Without year and month, the newest month; the running one is partial.
    """
    shown = one_month(db, year, month)
    stocks = defaultdict(list)
    for stock in read_months.best_stocks(db, shown, of_each=BEST_STOCKS):
        stocks[stock.sector].append(StockMonth.model_validate(stock))
    spy = read_months.spy_returns(db, shown, shown)
    rows = [
        SectorMonthWithStocks(**vars(sector_month(row, shown, spy)), stocks=stocks[row.sector])
        for row in read_months.sector_months(db, shown, shown)
    ]
    answer = SectorsOfMonth(
        **dated(app, [shown]),
        month=shown.name,
        sectors=sorted(rows, key=lambda row: (row.sector == UNKNOWN_SECTOR, -row.avg_monthly_return, row.sector)),
    )
    return table_answer(
        request, answer, name=f"sectors-{shown.name}", row_type=SectorMonthWithStocks, rows=answer.sectors
    )


def sector_month(row: read_months.SectorMonth, month: MonthRow, spy: Mapping[tuple[int, int], Decimal]) -> SectorMonth:
    """A stored row with its month's name and SPY beside it."""
    return SectorMonth.model_validate(
        vars(row)
        | {"month": month.name, "is_partial": month.is_partial, "spy_return_pct": spy.get((row.year, row.month))}
    )
