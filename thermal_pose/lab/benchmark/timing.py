# SPDX-License-Identifier: Apache-2.0
"""Times functions against each other in one interleaved run, so that all share the weather."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one function over all its calls."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    calls: int


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    rounds: int,
    burst_s: float = 0.02,
    tick: Callable[[int], object] = lambda rounds: None,
) -> dict[str, Timing]:
    """Call every function in turn, round after round.

    Parameters
    ----------
    rounds : >= 1; interleaved, so that background load affects all candidates equally.
    burst_s : a function is called again within its turn until this time is spent; only calls
        after the first of a turn count where there are several, since the first finds the
        caches full of its neighbour.
    tick : called after each round.
    """
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, got {rounds}")
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            samples[name] += _burst(function, burst_s)
        tick(1)
    return {name: _summary(values) for name, values in samples.items()}


def _burst(function: Callable[[], object], burst_s: float) -> list[float]:
    spent: list[float] = []
    while sum(spent) < burst_s:
        begin_s = time.perf_counter()
        function()
        spent.append(time.perf_counter() - begin_s)
    return spent[1:] if len(spent) > 1 else spent


def _summary(seconds: list[float]) -> Timing:
    p10, median, p90 = np.percentile(np.array(seconds) * 1e3, [10, 50, 90])
    return Timing(float(median), float(p10), float(p90), len(seconds))
