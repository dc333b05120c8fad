# SPDX-License-Identifier: Apache-2.0
"""The order in which files of tests are handed to the processes that run them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import pytest

#: Rough duration of a test with this mark, s; the longest one counts.
_MARKED_S: Final = {"slow": 20.0, "browser": 5.0, "graph": 4.0, "faults": 4.0, "simulation": 1.0}
_PLAIN_S: Final = 0.1


def longest_files_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Sort whole files by how long they take, so that no process ends with a long one.

    Items of a file keep their order.
    """
    duration_s: dict[str, float] = defaultdict(float)
    for item in items:
        marks = (_MARKED_S.get(mark.name, 0.0) for mark in item.iter_markers())
        duration_s[_file(item)] += max(marks, default=0.0) or _PLAIN_S
    return sorted(items, key=lambda item: (-duration_s[_file(item)], _file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
