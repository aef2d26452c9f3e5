"""Sets of values, each with a name of its own in the OpenAPI page: one type in a generated client, whatever field has
it."""

from typing import Literal

from typing_extensions import TypeAliasType

from config import sentences, universe
from database import findings, read_performance, read_pipeline, read_portfolios

EtfType = TypeAliasType("EtfType", universe.EtfType)
Strategy = TypeAliasType("Strategy", read_portfolios.Strategy)
PortfolioState = TypeAliasType("PortfolioState", Literal["ok", "empty", "not_computed", "no_snapshot"])
PortfolioStatus = TypeAliasType("PortfolioStatus", Literal["complete", "partial", "empty"])
Origin = TypeAliasType("Origin", read_performance.Origin)
MarketCapSource = TypeAliasType("MarketCapSource", Literal["quote", "carried", "scaled"])
CautionCode = TypeAliasType(
    "CautionCode", Literal["single_weight_above_half", "few_effective_positions", "same_company"]
)
SentenceCode = TypeAliasType("SentenceCode", sentences.Code)
FreshnessState = TypeAliasType("FreshnessState", Literal["current", "due", "behind"])
Cadence = TypeAliasType("Cadence", read_pipeline.Cadence)
RunStatus = TypeAliasType("RunStatus", read_pipeline.Status)
ItemStatus = TypeAliasType("ItemStatus", read_pipeline.ItemStatus)
Severity = TypeAliasType("Severity", findings.Severity)
