"""What each figure means (rules.md), for heading tooltips and the list of definitions."""

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
}
