"""What each figure means (RULES.md), for heading tooltips and the list of definitions."""

TEXTS = {
    "define.return_pct": (
        "N거래일 전 대비 배당 포함 수익률 = 100 × (수정종가[D] ÷ 수정종가[N거래일 전] − 1). "
        "선정에 쓴 과거 수익률이며 투자 성과가 아님",
        "Total return over N NYSE sessions from adjusted closes. Past return used for selection, not a result earned",
    ),
    "define.outperformance": (
        "ETF 수익률 − 같은 두 거래일의 SPY 수익률 (%p)",
        "ETF return − SPY return over the same two sessions",
    ),
    "define.trending": (
        "수익률 > SPY 그리고 수익률 > 0 (같으면 아님)",
        "return > SPY and return > 0, strictly",
    ),
    "define.weight_pct": (
        "점수 ÷ 점수 합, 점수 = 수익률 ÷ 시총(달러). 작은 회사일수록 비중이 큼",
        "score ÷ Σ scores, score = return ÷ market cap in USD: smaller companies weigh more",
    ),
    "define.change_pp": (
        "바로 앞 거래일 포트폴리오 대비 비중의 차이",
        "Weight against the portfolio of the session before",
    ),
    "define.change_pp.monthly": (
        "바로 앞 재조정 포트폴리오 대비 비중의 차이",
        "Weight against the portfolio of the rebalance before",
    ),
    "define.weight_pct.monthly": (
        "점수 ÷ 점수 합. 수익률이나 회사 크기와 무관함",
        "score ÷ Σ scores, whatever the return or size",
    ),
    "define.score": (
        "20일만 1.0 · 두 기간 2.0 · 세 기간 3.0 · 10일만 0.5 · 5일만 0.3",
        "20 days only 1.0 · two periods 2.0 · three 3.0 · 10 only 0.5 · 5 only 0.3",
    ),
    "define.valid_until": ("재조정일 뒤 20번째 거래일", "the 20th session after the rebalance date"),
    "define.market_cap": (
        '기준일 시총을 달러로 환산. "이월"·"추정"은 다른 날의 시총을 주가 비율로 옮긴 값',
        'market cap at the date in USD; "carried"/"scaled" = an earlier/later quote moved by price',
    ),
    "define.effective": (
        "1 ÷ Σw²: 비중이 같다면 몇 종목인 셈인지",
        "1/Σw²: as many equal weights would be as concentrated",
    ),
    "define.overlap": (
        "함께 가진 종목별 작은 비중의 합 Σ min(wₐ, w_b)",
        "Σ of the smaller weights over shared stocks",
    ),
    "define.origin": (
        '실제 발표된 것만 "실현", 나중에 계산한 것은 "사후 계산"',
        'only what was published in time is "live"; the rest is "simulated, calculated afterwards"',
    ),
    "define.month_to_date": (
        "월말 수정종가 ÷ 전월 말 수정종가 − 1. 이번 달은 마지막 거래일까지",
        "last session of month over that of the month before; running month so far",
    ),
    "define.strength": (
        "100 × (ETF ÷ ETF₀) ÷ (SPY ÷ SPY₀), 수정종가. 100보다 크면 SPY보다 더 오름",
        "100 × (ETF / ETF₀) / (SPY / SPY₀) on adjusted closes. Above 100: rose more than SPY",
    ),
    "define.holding_percent": ("펀드에서 차지하는 비중", "Percent of the fund"),
    "define.holding_return": (
        "배당 포함 수익률, 종목의 자국 통화 기준",
        "Total return, in the stock's own currency",
    ),
    "define.etf_count": (
        "가장 새 목록에 이 종목이 있는 ETF 수, 이 ETF 포함",
        "ETFs whose newest list has it, this one included",
    ),
    "define.avg_return": ("일간 수익률의 평균", "Mean of the daily returns"),
    "define.volatility": (
        "일간 수익률의 표본 표준편차 (연환산 아님)",
        "Sample standard deviation of the daily returns, not annualised",
    ),
    "define.sharpe": (
        "평균 ÷ 표준편차 × √252, 무위험 0. 20일에만 표시",
        "mean / standard deviation × √252, risk-free 0; shown for 20 days only",
    ),
    "define.current_price": ("분석일 종가, 종목의 자국 통화", "Close of the analysed session, in the stock's currency"),
    "define.concentration": (
        "상위 1·5·10종목 비중 합. HHI: 비중 제곱의 합 (알려진 종목만, 하한)",
        "Weight of the top 1/5/10. HHI: Σ w² over the known holdings, a lower bound",
    ),
    "define.effective_holdings": (
        "같은 비중이라면 몇 종목인 셈인지. 공개된 종목만 알기에 범위로 표시",
        "As many equal weights would be as concentrated; a range, as only ten holdings are known",
    ),
    "define.covered": (
        "공개된 보유종목(최대 10개)의 비중 합. 집중도와 중복은 이 범위만 반영",
        "Σ of known holdings, at most ten; concentration and overlap see only these",
    ),
    "define.overlap.etfs": (
        "함께 가진 종목별 작은 비중의 합 Σ min(wₐ, w_b): 알려진 종목만 본 하한",
        "Σ of the smaller weights over shared stocks: a lower bound, of the known holdings",
    ),
    "define.monthly_return": (
        "월말 수정종가 ÷ 전월 말 수정종가 − 1. 이번 달(*)은 마지막 거래일까지",
        "last session of month over that of the month before; the running month (*) so far",
    ),
    "define.monthly_excess": ("월간 수익률 − SPY의 월간 수익률 (%p)", "Monthly return − SPY's, percentage points"),
    "define.total_months": (
        "표에 있는 달을 이어서 계산한 수익률 (합이 아님), 진행 중인 달 포함",
        "Compounded over the months shown, not their sum; the running month included",
    ),
    "define.sector": (
        "흐름: 종목 월간 수익률 평균 > SPY 그리고 > 0, 종목 3개 이상",
        "Trending: mean of the stocks' monthly returns > SPY's and > 0, at least 3 stocks",
    ),
    "define.sector_volatility": (
        "종목 평균 일간 수익률의 표본 표준편차 (연환산 아님)",
        "Sample standard deviation of the daily mean returns, not annualised",
    ),
    "define.positive_rate": ("평균이 오른 날 ÷ 거래일", "Days with a positive mean ÷ sessions"),
}
