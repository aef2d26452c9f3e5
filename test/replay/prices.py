"""What the source would have shown at an instant, from bars "as known at the end".

A split or dividend restates all history before it, so before it happened the source showed other numbers: prices not
yet divided by the split, adjusted closes without the dividend. Pure functions; prices in the instrument's currency.
"""

import numpy as np

from test.replay.market import Bars, Numbers

# Adjusted closes that were written with few digits wobble; a larger step of adj_close / close is a corporate action.
ADJUSTMENT_STEP = 2e-3


def as_known(bars: Bars, count: int, elapsed: float | None = None) -> Bars:
    """The first `count` bars as they were shown when no later one existed.

    elapsed: how much of the newest bar's session has passed, 0 to 1; None when it is over.

    >>> def series(*values): return np.array(values, dtype=float)
    >>> days = np.array(["2026-01-22", "2026-01-23"], dtype="datetime64[D]")
    >>> price, none = series(50, 55), series(0, 0)
    >>> bars = Bars(days, price, price, price, price, price, series(200, 300), none, series(0, 2))
    >>> as_known(bars, 1).close.tolist(), as_known(bars, 1).volume.tolist()  # the 2:1 split is not known yet
    ([100.0], [100.0])
    >>> as_known(bars, 2).close.tolist(), as_known(bars, 2).volume.tolist()
    ([50.0, 55.0], [200.0, 300.0])
    """
    later_splits = bars.split[count:]
    factor = float(np.prod(np.where(later_splits > 0, later_splits, 1.0)))
    shown = Bars(bars.dates[:count], *(column[:count] for column in bars[1:]))
    if factor != 1.0:
        shown = shown._replace(
            open=shown.open * factor,
            high=shown.high * factor,
            low=shown.low * factor,
            close=shown.close * factor,
            dividend=shown.dividend * factor,
            volume=np.round(shown.volume / factor),
        )
    if elapsed is not None:
        shown = _unfinished(shown, elapsed)
    return shown._replace(adj_close=_adjusted(bars, shown.close))


def _adjusted(bars: Bars, close: Numbers) -> Numbers:
    """Closes adjusted for the dividends among them only, so that the newest is its own close.

    Between two dividends adj_close / close is one number; what later dividends added is that number of the newest bar.
    """
    count = len(close)
    ratio = bars.adj_close / bars.close
    step = np.abs(ratio[1:] / ratio[:-1] - 1.0) > ADJUSTMENT_STEP
    starts = np.flatnonzero((bars.dividend[1:] > 0) | step) + 1
    after = starts[starts >= count]
    last = int(after[0]) - 1 if len(after) else len(ratio) - 1
    before = starts[starts < count]
    first = int(before[-1]) if len(before) else 0
    adjusted: Numbers = close * ratio[:count] / ratio[last]
    adjusted[first:] = close[first:]
    return adjusted


def _unfinished(bars: Bars, elapsed: float) -> Bars:
    """The bars with the newest one under way: by way of the two extremes from its open to its close.

    The final close is only reached when the session is over. Bars with closes only come from the close before.
    """
    opening, high, low, close = (float(column[-1]) for column in (bars.open, bars.high, bars.low, bars.close))
    known = not np.isnan([opening, high, low]).any()
    if known:
        path = [opening, low, high, close] if close >= opening else [opening, high, low, close]
    else:
        before = float(bars.close[-2]) if len(bars.close) > 1 else close
        path = [before, close]
    at = np.linspace(0.0, 1.0, len(path))
    price = float(np.interp(elapsed, at, path))
    seen = [*(value for value, reached in zip(path, at, strict=True) if reached <= elapsed), price]
    changes = {"close": price, "volume": float(np.floor(bars.volume[-1] * elapsed))}
    if known:
        changes |= {"high": max(seen), "low": min(seen)}
    columns = {}
    for name, value in changes.items():
        column = getattr(bars, name).copy()
        column[-1] = value
        columns[name] = column
    return bars._replace(**columns)
