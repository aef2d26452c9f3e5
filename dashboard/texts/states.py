"""What a reader is told: freshness, empty and missing results, warnings, the fixed sentences of rules 10."""

from config.sentences import SENTENCES

TEXTS: dict[str, tuple[str, str]] = {
    "fresh": ("최신", "Current"),
    "due": ("계산 중", "Computing"),
    "behind": ("{n}거래일 지연", "{n} sessions behind"),
    "behind.1": ("{n}거래일 지연", "{n} session behind"),
    "past": ("과거 조회", "Past date"),
    "away.badge": ("API 연결 끊김", "API away"),
    "no_results": ("결과 없음", "No results yet"),
    "demo": ("데모 데이터: 지어낸 시장입니다", "Demo data: an invented market"),
    "empty": (
        "{d} · {p}: 보유 종목 없음. SPY를 이기고 오른 ETF가 없었거나, 오른 후보가 없었습니다.",
        "{d} · {p}: no position. No ETF rose and beat SPY, or no candidate rose.",
    ),
    "empty.left_out": (
        "{d} · {p}: 보유 종목 없음. 조건을 채운 후보가 없었고, {n}건은 판단하지 못했습니다.",
        "{d} · {p}: no position. No candidate qualified; {n} could not be judged.",
    ),
    "empty.hint": (
        "다른 기간을 선택하거나 이전 거래일을 볼 수 있습니다.",
        "Choose another period, or look at the session before.",
    ),
    "not_computed": ("{d} 결과가 아직 없습니다. 다음 실행: {t}.", "No result for {d} yet. Next run: {t}."),
    "no_result_period": ("{p}: 결과가 없습니다.", "{p}: no result."),
    "no_snapshot": (
        "{d} 이전 45일 안에 보유종목 자료가 없어 포트폴리오를 만들 수 없습니다.",
        "No holdings snapshot in the 45 days before {d}: no portfolio can be made.",
    ),
    "to_come": (
        "{d}은(는) 아직 오지 않은 날짜입니다. 가장 최근 결과는 {e}입니다.",
        "{d} is still to come. The newest result is of {e}.",
    ),
    "before_first": (
        "{d} 결과는 없습니다. 첫 결과는 {e}입니다.",
        "There is no result of {d}. The first is of {e}.",
    ),
    "snapped": ("{d}은(는) 휴장일입니다. {e} 결과를 보여줍니다.", "{d} is not a session. Showing {e}."),
    "unknown_value": (
        "주소의 {name}={value}을(를) 알 수 없어 기본값으로 보여줍니다.",
        "{name}={value} in the address is unknown; showing the default.",
    ),
    "stale": ("예상 거래일 {e}, 표시 중 {d}.", "Expected {e}, showing {d}."),
    "away": (
        "API에 연결할 수 없습니다. {t}에 받은 자료를 보여줍니다. 자동으로 다시 시도합니다.",
        "The API cannot be reached. Showing data from {t}. Retrying.",
    ),
    "away_empty": (
        "API에 연결할 수 없고, 이 화면의 저장된 자료도 없습니다.",
        "The API cannot be reached and nothing is kept for this page.",
    ),
    "new_data": ("새 결과(#)가 있습니다 · ", "New results (#) · "),
    "new_data.show": ("보기", "show"),
    "rows": ("#행", "# rows"),
    "not_found": ("이 주소에는 화면이 없습니다.", "There is no page at this address."),
    "back": ("다시 연결됨", "Connected again"),
    "key_refused": (
        "API가 키를 받아들이지 않습니다. 설정 DASHBOARD_API_KEY를 확인하십시오.",
        "The API refuses the key. Check the setting DASHBOARD_API_KEY.",
    ),
    "problem": ("API가 답하지 못했습니다: {detail}", "The API could not answer: {detail}"),
    "no_changes": ("바뀐 것이 없습니다", "Nothing changed"),
    "no_previous": ("비교할 이전 결과가 없습니다", "Nothing earlier to compare with"),
    "none": ("없음", "none"),
    "warn.single_weight_above_half": (
        "한 종목 {tickers}의 비중이 {value}%로 절반을 넘습니다.",
        "One stock, {tickers}, weighs {value}%: more than half.",
    ),
    "warn.few_effective_positions": (
        "유효 종목 수 {value}: 세 종목에도 못 미치는 분산입니다.",
        "{value} effective positions: less spread than three equal stocks.",
    ),
    "warn.same_company": (
        "{tickers}은(는) 같은 회사입니다. 합친 비중 {value}%.",
        "{tickers} are one company: {value}% together.",
    ),
    "warn.simulated": (
        "이 결과는 그날 발표된 것이 아니라 나중에 계산한 것입니다.",
        "This result was not published that day; it was calculated afterwards.",
    ),
    **{f"fixed.{code}": (sentence.ko, sentence.en) for code, sentence in SENTENCES.items()},
}
