"""The fixed sentences a reader is told, in Korean and English (rules 10): data for the API and the dashboard."""

from typing import Literal, NamedTuple

Code = Literal["weights", "periods", "monthly", "returns", "holdings", "universe"]


class Sentence(NamedTuple):
    """The same in both languages."""

    ko: str
    en: str


SENTENCES: dict[Code, Sentence] = {
    "weights": Sentence(
        "비중은 과거 수익률 ÷ 회사 크기입니다. 위험과 무관하게 작은 회사의 비중이 커집니다. 투자 권유가 아닙니다.",
        "Weights are past return ÷ company size: small companies dominate, regardless of risk. Not investment advice.",
    ),
    "periods": Sentence(
        "5·10·20일은 되돌아보는 기간이지 보유 기간이 아닙니다. 포트폴리오는 거래일마다 새로 만듭니다.",
        "5, 10 and 20 are look-back lengths, not holding periods: these portfolios are made anew every session.",
    ),
    "monthly": Sentence(
        "월간: 비중은 종목이 나타난 기간의 수로 정하며 수익률이나 크기와 무관합니다. 20위부터는 20일 포트폴리오에 없는 "
        "종목이고, 비중이 1위보다 클 수 있습니다.",
        "Monthly: weights count in how many periods a stock appears, not its return or size. Ranks from 20 are stocks "
        "not in the 20-session portfolio; their weight may exceed that of rank 1.",
    ),
    "returns": Sentence(
        "수익률은 배당을 포함하며 종목의 자국 통화 기준입니다. 성과는 달러 기준입니다.",
        "Returns include dividends and are in the stock's own currency; performance is in USD.",
    ),
    "holdings": Sentence(
        "보유종목은 펀드당 최대 10개이며 읽은 날짜 기준입니다. 출처의 목록은 더 오래되었을 수 있습니다.",
        "Holdings: at most ten per fund, dated by the day we read them; the source's list may be older.",
    ),
    "universe": Sentence(
        "QQQ(나스닥 100)가 기술 섹터를 대신합니다. 에너지 ETF는 대상에 없습니다.",
        "QQQ (Nasdaq-100) stands in for Technology. There is no Energy ETF in the universe.",
    ),
}

# Those that belong beside a 5-, 10- or 20-session portfolio, and beside a monthly one.
OF_PERIODS: tuple[Code, ...] = ("weights", "periods", "returns", "holdings", "universe")
OF_MONTHLY: tuple[Code, ...] = ("monthly", "returns", "holdings", "universe")
