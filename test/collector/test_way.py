"""A proxy or a CA file that is none is one line."""

from pathlib import Path

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from test.collector.conftest import Platform
from utils.program import StageFailed, UsageError


@pytest.mark.parametrize(
    ("name", "value", "error", "line"),
    [
        ("YAHOO_PROXY", "http://127.0.0.1:1", StageFailed, "nobody answers"),
        ("YAHOO_PROXY", "http://127.0.0.1:99999", UsageError, "127.0.0.1:99999: expected http://host:port"),
        ("YAHOO_PROXY", "http://[::1", UsageError, r"\[::1: expected http://host:port"),
        ("YAHOO_CA_FILE", __file__, UsageError, "expected a PEM file"),
    ],
)
def test_a_wrong_way_to_the_source_is_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, name: str, value: str, error: type[Exception], line: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(error, match=line):
        etf_daily.main(["--group", "benchmark"])
    assert platform.run()["status"] == "failed"


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://user:secret@127.0.0.1:1", "http://***@127.0.0.1:1: nobody answers"),
        ("http://user:sec/r@et@127.0.0.1", "http://***@127.0.0.1: expected http://host:port"),
        ("user:secret@127.0.0.1:1", "***@127.0.0.1:1: expected http://host:port"),
    ],
)
def test_a_password_for_the_proxy_is_not_written_down(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, proxy: str, shown: str
) -> None:
    monkeypatch.setenv("YAHOO_PROXY", proxy)
    with pytest.raises((StageFailed, UsageError)):
        etf_daily.main(["--group", "benchmark"])
    assert platform.run()["error"].startswith(f"YAHOO_PROXY {shown}")


def test_a_certificate_authority_that_only_looks_like_one_is_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("YAHOO_CA_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(UsageError, match=r"ca\.pem: expected a PEM file"):
        etf_daily.main(["--group", "benchmark"])
