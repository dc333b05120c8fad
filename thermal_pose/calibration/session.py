# SPDX-License-Identifier: Apache-2.0
"""Select calibration views from a recording of both cameras, and give hints on missing ones."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.lens import MIN_VIEWS, coverage_share
from thermal_pose.calibration.pairing import (
    DEFAULT_TOLERANCE_S,
    PairedStreams,
    pair_recording,
    pair_streams,
)
from thermal_pose.calibration.stereo import TargetView
from thermal_pose.calibration.target import SpotTarget, find_in_rgb, find_in_thermal
from thermal_pose.errors import CalibrationError
from thermal_pose.types import NS_PER_S, Float64Array, RgbFrame, ThermalFrame

#: Greatest motion of a still target between two thermal frames.
MAX_MOTION_PX = 0.5
#: Views nearer to each other than this, in thermal px, are redundant.
MIN_DISTANCE_PX = 2.0
MAX_VIEWS = 40
#: Rows and columns of the coverage map for hints.
_EDGE_SHARE = 0.25


@dataclass(frozen=True)
class SeenPair:
    """One pair of images in which both cameras found the target."""

    thermal: ThermalFrame
    rgb: RgbFrame
    view: TargetView


@dataclass(frozen=True)
class CalibrationViews:
    """Views found in a recording.

    Attributes
    ----------
    pairs : chosen pairs.
    thermal_wh, rgb_wh : image sizes, px.
    streams : matching of the two streams.
    looked_at, found, moving, alike : number of pairs examined, of those with the target in both
        images, and of those left out because the target moved or a chosen view is similar.
    """

    pairs: tuple[SeenPair, ...]
    thermal_wh: tuple[int, int]
    rgb_wh: tuple[int, int]
    streams: PairedStreams
    looked_at: int
    found: int
    moving: int
    alike: int

    @property
    def views(self) -> tuple[TargetView, ...]:
        """The spots of the chosen pairs."""
        return tuple(pair.view for pair in self.pairs)


def collect_views(
    path: Path, target: SpotTarget, progress: Callable[[int, int], None] | None = None
) -> CalibrationViews:
    """Find the target in a recording; choose different views with a still target.

    Parameters
    ----------
    path : recording with both image topics.
    target : target to look for.
    progress : called with the number of examined pairs and of all pairs.

    Raises
    ------
    BagError
        The recording is damaged or lacks a topic.
    CalibrationError
        No pairs match.
    """
    with BagReader(path) as bag:
        thermal = list(bag.thermal_frames())
        stamps = [frame.stamp_ns for frame in bag.rgb_frames()]
        streams = pair_recording(path, [frame.stamp_ns for frame in thermal], stamps)
        partner = dict(zip(streams.rgb_index.tolist(), streams.thermal_index.tolist(), strict=True))
        chooser = ViewChooser(target)
        done = 0
        # Colour images are read one at a time: a minute of them does not fit into memory.
        for index, rgb in enumerate(bag.rgb_frames()):
            if index in partner:
                chooser.look(thermal[partner[index]], rgb)
                done += 1
                if progress is not None:
                    progress(done, len(streams))
    return chooser.result(streams)


class ViewChooser:
    """Keeps pairs with a still target that differ from earlier ones."""

    def __init__(self, target: SpotTarget) -> None:
        self._target = target
        self._before: Float64Array | None = None
        self._thermal_wh = self._rgb_wh = (0, 0)
        self.chosen: list[SeenPair] = []
        self._looked_at = self._found = self._moving = self._alike = 0

    def result(self, streams: PairedStreams) -> CalibrationViews:
        """Views chosen so far, with the matching of the streams."""
        return CalibrationViews(
            pairs=tuple(self.chosen),
            thermal_wh=self._thermal_wh,
            rgb_wh=self._rgb_wh,
            streams=streams,
            looked_at=self._looked_at,
            found=self._found,
            moving=self._moving,
            alike=self._alike,
        )

    def hints(self) -> list[str]:
        """Parts of the image still missing in the thermal camera's views."""
        spots = [pair.view.thermal for pair in self.chosen if pair.view.thermal is not None]
        return coverage_hints(spots, self._thermal_wh)

    def look(self, thermal: ThermalFrame, rgb: RgbFrame) -> None:
        """Examine the next pair."""
        self._looked_at += 1
        self._rgb_wh = (rgb.bgr.shape[1], rgb.bgr.shape[0])
        self._thermal_wh = (thermal.centikelvin.shape[1], thermal.centikelvin.shape[0])
        spots = find_in_thermal(thermal.centikelvin, self._target)
        before, self._before = self._before, spots
        if spots is None or len(self.chosen) >= MAX_VIEWS:
            return
        if before is None or np.abs(spots - before).max() > MAX_MOTION_PX:
            self._moving += 1
            return
        if any(self._same(spots, pair) for pair in self.chosen):
            self._alike += 1
            return
        in_rgb = find_in_rgb(rgb.bgr, self._target)
        if in_rgb is not None:
            self._found += 1
            self.chosen.append(SeenPair(thermal, rgb, TargetView(spots, in_rgb)))

    @staticmethod
    def _same(spots: Float64Array, pair: SeenPair) -> bool:
        other = pair.view.thermal
        assert other is not None
        return float(np.linalg.norm(spots - other, axis=1).max()) < MIN_DISTANCE_PX


class LivePairer:
    """Pairs the frames of both cameras as they arrive, and examines each pair.

    Parameters
    ----------
    chooser : examines the pairs.
    tolerance_s : greatest difference between the stamps of a pair. The constant offset is not
        removed: it is known only afterwards, and does not matter for a still target.
    """

    def __init__(self, chooser: ViewChooser, tolerance_s: float = DEFAULT_TOLERANCE_S) -> None:
        self._chooser = chooser
        self._tolerance_ns = round(tolerance_s * NS_PER_S)
        self._thermal: deque[ThermalFrame] = deque(maxlen=16)
        self._thermal_ns: list[int] = []
        self._rgb_ns: list[int] = []

    def add_thermal(self, frame: ThermalFrame) -> None:
        """Add the next thermal frame."""
        self._thermal.append(frame)
        self._thermal_ns.append(frame.stamp_ns)

    def add_rgb(self, frame: RgbFrame) -> None:
        """Add the next RGB frame, and examine it with the nearest thermal frame so far."""
        self._rgb_ns.append(frame.stamp_ns)
        if not self._thermal:
            return
        nearest = min(self._thermal, key=lambda thermal: abs(thermal.stamp_ns - frame.stamp_ns))
        if abs(nearest.stamp_ns - frame.stamp_ns) <= self._tolerance_ns:
            self._chooser.look(nearest, frame)

    def hints(self) -> list[str]:
        """Name what is missing: images of a camera, otherwise views."""
        seen = {"thermal": self._thermal_ns, "RGB": self._rgb_ns}
        silent = [f"no {name} images yet" for name, stamps in seen.items() if not stamps]
        return silent or self._chooser.hints()

    def result(self) -> CalibrationViews:
        """The chosen views.

        Raises
        ------
        CalibrationError
            A camera has sent too few frames.
        """
        if min(len(self._thermal_ns), len(self._rgb_ns)) < 2:
            raise CalibrationError(
                f"{len(self._thermal_ns)} thermal and {len(self._rgb_ns)} RGB frames came: are "
                "both cameras running (rgb_camera is off unless asked for)?"
            )
        return self._chooser.result(pair_streams(self._thermal_ns, self._rgb_ns))


def coverage_hints(views: Sequence[Float64Array], size_wh: tuple[int, int]) -> list[str]:
    """Tell the user where to move the target next.

    Parameters
    ----------
    views : spot centres (N, 2) px of the views so far, of one camera.
    size_wh : size of its images.
    """
    if not views:
        return ["hold the target still where both cameras see all of it"]
    hints = []
    if len(views) < MIN_VIEWS:
        hints.append(f"{MIN_VIEWS - len(views)} more views")
    points = np.concatenate(list(views)) / np.array(size_wh)
    sides = {
        "left": points[:, 0].min() > _EDGE_SHARE,
        "right": points[:, 0].max() < 1 - _EDGE_SHARE,
        "top": points[:, 1].min() > _EDGE_SHARE,
        "bottom": points[:, 1].max() < 1 - _EDGE_SHARE,
    }
    hints += [f"move it to the {side}" for side, missing in sides.items() if missing]
    sizes = [np.linalg.norm(view - view.mean(axis=0)) for view in views]
    if max(sizes) < 1.2 * min(sizes):
        hints.append("also hold it nearer and further away")
    if min(coverage_share(views, size_wh)) < 0.3:
        hints.append("use more of the image")
    return hints
