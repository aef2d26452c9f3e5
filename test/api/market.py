"""A small market by hand, on top of published.two_evenings: every figure can be checked with a pencil.

Sessions: Tuesday 20 January 2026 (Monday was a holiday) to Friday 23.
"""

from datetime import UTC, date, datetime

from psycopg import sql

from test.published import FRIDAY, FRIDAY_EVENING, RUN, THURSDAY, Connection, bar, header, insert, two_evenings

TUESDAY, WEDNESDAY = date(2026, 1, 20), date(2026, 1, 21)
SUNDAY = date(2026, 1, 25)
NOVEMBER, DECEMBER = (2025, 11), (2025, 12)


def everything(db: Connection) -> None:
    """Each table has rows."""
    two_evenings(db)
    universe(db)
    bars(db)
    holdings(db)
    analysis(db)
    months(db)
    monthly(db)
    performance(db)
    runs(db)
    written(db)


def written(db: Connection) -> None:
    """All of it on Friday evening: what an answer says of that is the same whenever the test runs."""
    tables = db.execute(
        """SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_name)
           WHERE column_name = 'updated_at' AND table_type = 'BASE TABLE'"""
    ).fetchall()
    for (table,) in tables:
        update = sql.SQL("UPDATE {} SET created_at = %(at)s, updated_at = %(at)s")
        db.execute(update.format(sql.Identifier(str(table))), {"at": FRIDAY_EVENING})


def universe(db: Connection) -> None:
    """A Korean stock, one without a profile, and a fund, which is no stock."""
    for ticker, name, kind, sector, currency, exchange in (
        ("900010.KS", "Hanbit", "EQUITY", "Technology", "KRW", "KSC"),
        ("ZETA", None, None, None, None, None),
        ("CASHX", "Cash Fund", "MUTUALFUND", None, "USD", "NAS"),
    ):
        insert(
            db,
            "collected_00_meta_stock",
            ticker=ticker,
            company_name=name,
            quote_type=kind,
            sector=sector,
            currency=currency,
            exchange=exchange,
            fetched_at=FRIDAY_EVENING,
            run_id=RUN,
        )
    db.execute("UPDATE collected_00_meta_stock SET currency = 'USD', industry = 'Chips' WHERE ticker = 'ACME'")


def stock_bar(db: Connection, ticker: str, day: date, close: float, **more: object) -> None:
    """A stock's bar."""
    values = {
        "adj_close_price": close,
        "volume": 1000,
        "currency": "KRW" if ticker.endswith(".KS") else "USD",
        "fetched_at": FRIDAY_EVENING,
        "run_id": RUN,
    }
    insert(db, "collected_06_daily_stock_history", ticker=ticker, trade_date=day, close_price=close, **(values | more))


def bars(db: Connection) -> None:
    """SPY rises by 1 % of 500 a day; QQQ has no bar on Thursday. ACME: four sessions, the last one a doubt."""
    for day, spy in ((TUESDAY, 500.0), (WEDNESDAY, 505.0), (THURSDAY, 510.0), (FRIDAY, 515.0)):
        bar(db, "SPY", day, spy)
    for day, qqq in ((TUESDAY, 100.0), (WEDNESDAY, 102.0)):  # and Friday 103.5
        bar(db, "QQQ", day, qqq)
    stock_bar(db, "ACME", TUESDAY, 50.0)
    stock_bar(db, "ACME", WEDNESDAY, 51.0, price_change_percent=2)
    stock_bar(db, "ACME", THURSDAY, 49.98, adj_close_price=49.9, dividend=0.5, price_change_percent=-2)
    stock_bar(db, "ACME", FRIDAY, 75.0, price_change_percent="50.060024", doubt="moved 50 %", doubt_value=75)
    stock_bar(db, "900010.KS", FRIDAY, 71200.0)
    for ticker, cap, currency, price in (("ACME", 100 * 10**9, "USD", 75), ("900010.KS", 287 * 10**12, "KRW", 71200)):
        insert(
            db,
            "collected_00_market_cap",
            ticker=ticker,
            session_date=FRIDAY,
            market_cap=cap,
            currency=currency,
            quote_price=price,
            quoted_at=FRIDAY_EVENING,
            fetched_at=FRIDAY_EVENING,
            run_id=RUN,
        )


def holding(db: Connection, etf: str, day: date, ticker: str, rank: int, percent: float) -> None:
    """One line of a list."""
    insert(
        db,
        "collected_04_etf_holdings",
        etf_ticker=etf,
        holding_ticker=ticker,
        as_of_date=day,
        holding_name=f"{ticker} Inc",
        holding_percent=percent,
        holding_rank=rank,
        source="yahoo",
        fetched_at=FRIDAY_EVENING,
        run_id=RUN,
    )


def holdings(db: Connection) -> None:
    """QQQ: 10 + 8 + 2 percent; XLV: 9 + 5. They share ACME, of which XLV has 5 %. An older list of QQQ."""
    for ticker, rank, percent in (("GAMMA", 1, 10.0), ("ACME", 2, 8.0), ("DELTA", 3, 2.0)):
        holding(db, "QQQ", THURSDAY, ticker, rank, percent)
    for ticker, rank, percent in (("BETA", 1, 9.0), ("ACME", 2, 5.0)):
        holding(db, "XLV", THURSDAY, ticker, rank, percent)
    holding(db, "QQQ", date(2025, 11, 30), "OMEGA", 1, 11.0)


def analysis(db: Connection) -> None:
    """Stage 9 of Friday, 20 sessions; of 5 sessions there is QQQ's ACME alone."""
    names = {"ACME": ("Acme Chips", "Technology"), "BETA": ("Beta Health", "Healthcare")}
    names |= {"GAMMA": ("Gamma Soft", "Technology"), "DELTA": ("Delta Labs", "Technology")}
    for etf, ticker, rank, days, total in (
        ("QQQ", "DELTA", 1, 20, 9.0),
        ("QQQ", "ACME", 2, 20, 5.0),
        ("QQQ", "GAMMA", 3, 20, -4.5),
        ("XLV", "BETA", 1, 20, 6.0),
        ("XLV", "ACME", 2, 20, 5.0),
        ("QQQ", "ACME", 1, 5, 1.5),
    ):
        insert(
            db,
            "analytics_09_etf_top_holdings",
            as_of_date=FRIDAY,
            etf_ticker=etf,
            period_days=days,
            holding_ticker=ticker,
            holding_name=names[ticker][0],
            holding_sector=names[ticker][1],
            rank_position=rank,
            avg_return=total / days,
            total_return=total,
            volatility=2.5,
            sharpe_ratio=round(total / days / 2.5 * 252**0.5, 6),
            observations=days,
            avg_volume=1000,
            current_price=75,
            market_cap=10**11,
            run_id=RUN,
        )
    for etf, top_1, top_5, squares, covered, largest, smallest in (
        ("QQQ", "0.1", "0.2", "0.0168", "0.2", "59.52381", "30.487805"),  # 1/0.0168; 1/(0.0168 + 0.8 × 0.02)
        ("XLV", "0.09", "0.14", "0.0106", "0.14", "94.339623", "18.656716"),  # 1/0.0106; 1/(0.0106 + 0.86 × 0.05)
    ):
        insert(
            db,
            "analytics_09_etf_concentration",
            as_of_date=FRIDAY,
            etf_ticker=etf,
            top_1_weight=top_1,
            top_5_weight=top_5,
            top_10_weight=top_5,
            herfindahl_index=squares,
            effective_holdings_min=smallest,
            effective_holdings_max=largest,
            covered_weight=covered,
            holdings_as_of=THURSDAY,
            run_id=RUN,
        )
    for etf, other, covered, other_covered in (("QQQ", "XLV", "0.2", "0.14"), ("XLV", "QQQ", "0.14", "0.2")):
        insert(
            db,
            "analytics_09_etf_overlap",
            as_of_date=FRIDAY,
            etf_ticker=etf,
            other_etf_ticker=other,
            shared_count=1,
            overlap_weight="0.05",
            covered_weight=covered,
            other_covered_weight=other_covered,
            holdings_as_of=THURSDAY,
            other_holdings_as_of=THURSDAY,
            run_id=RUN,
        )


def months(db: Connection) -> None:
    """November: +10, SPY +5; December: −10, SPY +2; January so far: +3.5, SPY +3. XLF has December only."""
    run(db, "months", "months_and_sectors", FRIDAY, "success", stored=1)
    for (year, month), etf, return_pct, spy in (
        (NOVEMBER, "QQQ", 10.0, 5.0),
        (DECEMBER, "QQQ", -10.0, 2.0),
        ((2026, 1), "QQQ", 3.5, 3.0),
        (NOVEMBER, "SPY", 5.0, 5.0),
        (DECEMBER, "SPY", 2.0, 2.0),
        ((2026, 1), "SPY", 3.0, 3.0),
        (DECEMBER, "XLF", 1.0, 2.0),
    ):
        insert(
            db,
            "analytics_etf_monthly",
            year=year,
            month=month,
            etf_ticker=etf,
            return_pct=return_pct,
            spy_return_pct=spy,
            is_partial=year == 2026,
            run_id="months",
        )
    for (year, month), sector, count, mean in (
        (DECEMBER, "Technology", 3, 2.5),
        ((2026, 1), "Technology", 3, 4.0),
        ((2026, 1), "Healthcare", 1, 6.0),
        ((2026, 1), "Unknown", 1, 9.0),
    ):
        insert(
            db,
            "analytics_sector_trending",
            year=year,
            month=month,
            sector=sector,
            stock_count=count,
            avg_monthly_return=mean,
            volatility=1.25,
            positive_days=9,
            total_trading_days=15,
            positive_rate=60,
            best_day=2,
            worst_day=-1.5,
            is_trending=count >= 3 and mean > 3,
            run_id="months",
        )
    for ticker, sector, monthly_return, mean in (
        ("ACME", "Technology", 8.0, 4.0),
        ("GAMMA", "Technology", 5.0, 4.0),
        ("DELTA", "Technology", -1.0, 4.0),
        ("BETA", "Healthcare", 6.0, 6.0),
        ("ZETA", "Unknown", 9.0, 9.0),
    ):
        insert(
            db,
            "analytics_stock_trending",
            year=2026,
            month=1,
            ticker=ticker,
            company_name=f"{ticker} Inc",
            sector=sector,
            avg_monthly_return=monthly_return,
            vs_sector=monthly_return - mean,
            volatility=2,
            total_volume=15000,
            month_high=80,
            month_low=40,
            trading_days=15,
            is_trending=monthly_return > mean,
            run_id="months",
        )


def monthly(db: Connection) -> None:
    """The rebalance of December: ACME in 20d and 5d (2.0), BETA in 20d (1.0), OMEGA in 5d only (0.3)."""
    sunday = date(2025, 12, 28)
    left_out = [{"ticker": "DELTA", "etf": "QQQ", "reason": "no_market_cap"}]
    header(db, "monthly", sunday, positions=3, status="partial", left_out=left_out, holdings_oldest=date(2025, 11, 30))
    db.execute("UPDATE analytics_portfolios SET input_as_of_date = '2025-12-26' WHERE strategy = 'monthly'")
    for rank, ticker, name, sector, weight, score, periods, return_20d in (
        (1, "ACME", "Acme Chips", "Technology", "0.6060606061", 2.0, "20d,5d", 7.5),
        (2, "BETA", "Beta Health", "Healthcare", "0.3030303030", 1.0, "20d", 6.0),
        (20, "OMEGA", "Omega Bank", "Financial", "0.0909090909", 0.3, "5d", None),
    ):
        insert(
            db,
            "analytics_08_monthly_portfolio",
            rebalance_date=sunday,
            ticker=ticker,
            valid_until=date(2026, 1, 27),
            company_name=name,
            sector=sector,
            final_rank=rank,
            final_weight=weight,
            score=score,
            source_periods=periods,
            return_20d=return_20d,
            market_cap=10**11,
            allocation_reason=f"In the portfolios of {periods}",
            run_id=RUN,
        )


def performance_day(
    db: Connection, day: date, returns: tuple[float | None, float | None], equity: float, spy: float, **more: object
) -> None:
    """One session of the 20-session portfolios. returns: ours and SPY's, percent."""
    values: dict[str, object] = {
        "strategy": "20d",
        "origin": "live",
        "turnover": 0,
        "cost": 0,
        "positions": 2,
        "incomplete": False,
    } | more
    insert(
        db,
        "analytics_portfolio_performance",
        trade_date=day,
        daily_return=returns[0],
        benchmark_return=returns[1],
        equity=equity,
        equity_net=values.pop("equity_net", equity),
        benchmark_equity=spy,
        run_id=RUN,
        **values,
    )


def performance(db: Connection) -> None:
    """20d, live: bought on Friday (the portfolio of Thursday), on Monday that of Friday; sold to nothing in between.

    Cost at 10 basis points: Friday 0.001 (all of it bought), Monday 0.0012 (60 % sold, 60 % bought).
    """
    monday, tuesday = date(2026, 1, 26), date(2026, 1, 27)
    performance_day(db, FRIDAY, (None, None), 1.0, 1.0, turnover=1, cost="0.001", equity_net="0.999")
    performance_day(
        db, monday, (10.0, 2.0), 1.1, 1.02, turnover="0.6", cost="0.0012", equity_net="1.0975813200", positions=2
    )
    performance_day(
        db,
        tuesday,
        (-50.0, 0.0),
        0.55,
        1.02,
        equity_net="0.5487906600",
        incomplete=True,
        without_bar="BETA",
    )


def run(db: Connection, run_id: str, process: str, day: date, status: str, **counts: int) -> None:
    """One run that took a minute, started at 22:00 on its day; `running` ones have not ended."""
    started = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
    insert(
        db,
        "process_executions",
        run_id=run_id,
        process=process,
        as_of_date=day,
        status=status,
        usable=status == "success",
        requested=sum(counts.values()),
        started_at=started,
        finished_at=None if status == "running" else started.replace(minute=1),
        error="BETA bars: no answer" if counts.get("failed") else None,
        **counts,
    )


def runs(db: Connection) -> None:
    """Thursday's bars were complete, Friday's lack BETA; Friday's portfolios are being made. Three findings."""
    run(db, "bars-1", "needed_stocks", THURSDAY, "success", stored=2)
    run(db, "bars-2", "needed_stocks", FRIDAY, "partial", stored=1, unchanged=1, failed=1)
    run(db, "portfolios-2", "portfolio_allocation", FRIDAY, "running")
    for ticker, status in (
        ("ACME", "stored"),
        ("BETA", "failed"),
        ("OMEGA", "unchanged"),
    ):
        insert(
            db,
            "asset_processing_details",
            run_id="bars-2",
            ticker=ticker,
            operation="bars",
            status=status,
            rows=5 if status == "stored" else 0,
            api_calls=1,
            error="no answer" if status == "failed" else None,
            started_at=FRIDAY_EVENING,
            finished_at=FRIDAY_EVENING,
        )
    for check_name, ticker, session, severity in (
        ("doubt", "ACME", FRIDAY, "warn"),
        ("missing session", "BETA", FRIDAY, "error"),
        ("restated", "OMEGA", THURSDAY, "info"),
    ):
        insert(
            db,
            "data_quality_findings",
            run_id="bars-2",
            check_name=check_name,
            ticker=ticker,
            session=session,
            severity=severity,
            detail=f"{check_name} of {ticker}",
        )
