# SPDX-License-Identifier: Apache-2.0
"""The classical fallback detector: connected regions warmer than the room.

It needs no model file and knows no people: radiators and lamps are people to it. It is there
for machines without a trained detector (`detector: warm_blob`) and as the baseline that the
trained one is measured against.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from thermal_pose.imaging.radiometry import relative_k
from thermal_pose.inference.base import RuntimeInfo
from thermal_pose.types import PersonBox, UInt16Array


@dataclass(frozen=True)
class WarmBlobSettings:
    """Limits of a warm region that counts as a person.

    Attributes
    ----------
    threshold_k : kelvin above the frame's median; clothes of a dressed person are 2 to 6 K
        above a room of 22 degC.
    min_height_px, min_area_px : smaller regions are noise.
    max_share : larger regions, as a share of the frame, are the room itself.
    close_px : gaps up to this are bridged (a cool belt must not cut a person in two).
    """

    threshold_k: float = 1.5
    min_height_px: int = 8
    min_area_px: int = 30
    max_share: float = 0.7
    close_px: int = 3

    def __post_init__(self) -> None:
        if not self.threshold_k > 0 or not 0 < self.max_share <= 1 or self.close_px < 1:
            raise ValueError(
                "warm blob: expected threshold_k > 0, 0 < max_share <= 1 and close_px >= 1, got "
                f"{self.threshold_k}, {self.max_share}, {self.close_px}"
            )


class WarmBlobDetector:
    """Connected components on background-relative temperature."""

    def __init__(self, settings: WarmBlobSettings | None = None) -> None:
        self._settings = settings or WarmBlobSettings()
        self._kernel = np.ones((self._settings.close_px, self._settings.close_px), dtype=np.uint8)

    def set_threshold(self, threshold_k: float) -> None:
        """Set the warmth threshold, K above the median, from the next frame on."""
        self._settings = replace(self._settings, threshold_k=threshold_k)

    @property
    def model_id(self) -> str:
        """Name of the method."""
        return "warm_blob"

    @property
    def info(self) -> RuntimeInfo:
        """The runtime it uses."""
        return RuntimeInfo("opencv", "CPU", "fp32", 1)

    def detect(self, centikelvin: UInt16Array) -> tuple[PersonBox, ...]:
        """Return one box a warm region, largest first.

        The score is the region's share of its box, a rough measure of how solid it is; it is
        no probability.
        """
        warm = (relative_k(centikelvin) > self._settings.threshold_k).astype(np.uint8)
        mask = cv2.morphologyEx(warm, cv2.MORPH_CLOSE, self._kernel)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        found = [self._box(*stats[index]) for index in range(1, count) if self._fits(*stats[index])]
        found = [box for box in found if self._area(box) <= self._settings.max_share * warm.size]
        return tuple(sorted(found, key=self._area, reverse=True))

    def _fits(self, _left: int, _top: int, _width: int, height: int, area: int) -> bool:
        return height >= self._settings.min_height_px and area >= self._settings.min_area_px

    @staticmethod
    def _box(left: int, top: int, width: int, height: int, area: int) -> PersonBox:
        # A pixel reaches half a pixel to either side of its centre.
        edges = (left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5)
        return PersonBox(tuple(map(float, edges)), float(np.float32(area / (width * height))))  # type: ignore[arg-type]

    @staticmethod
    def _area(box: PersonBox) -> float:
        left, top, right, bottom = box.xyxy
        return (right - left) * (bottom - top)
