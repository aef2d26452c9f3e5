"""The examples of both READMEs run as they stand there, block after block, against a served market."""

import re
from typing import Any

import pytest

from test.api.serving import Served
from test.conftest import REPO
from test.published import KEY

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_examples_run(
    server: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    blocks = BLOCK.findall((REPO / name).read_text(encoding="utf-8"))
    assert len(blocks) == 5
    assert ADDRESS in blocks[0]
    monkeypatch.setenv("API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.replace(ADDRESS, server.url), name, "exec"), known)
    known["api"].close()
    assert [bar["trade_date"] for bar in known["bars"]] == ["2026-01-23", "2026-01-22", "2026-01-21", "2026-01-20"]
    assert known["again"].status_code == 304
    assert known["problem"]["detail"].startswith("2026-01-24 is not a session of the New York Stock Exchange")
    assert capsys.readouterr().out.splitlines() == [
        "2026-01-23 ok older",
        "ACME 76.92 % Best return among the top holdings of QQQ",
        "BETA 23.08 % Best return among the top holdings of SCHD,XLV",
        "ACME 4 sessions since 2026-01-20",
        "0.54879066 after cost, SPY 1.02",
        "['QQQ', 'SCHD', 'XLV']",
        f"Not found - {known['problem']['detail']} 2026-01-23",
    ]
