"""Routes, one router a noun; the dashboard's in three parts."""

from api.routers import (
    dashboard,
    dashboard_etfs,
    dashboard_stocks,
    etf_holdings,
    performance,
    pipeline,
    sectors,
    service,
    stocks,
)

# Those that need a key, in the order of the documentation.
ROUTERS = (
    service.router,
    stocks.router,
    dashboard.router,
    dashboard_etfs.router,
    dashboard_stocks.router,
    etf_holdings.router,
    sectors.router,
    performance.router,
    pipeline.router,
)
