# SPDX-License-Identifier: Apache-2.0
"""Thermal frames of a recording that can be used, each with the RGB frame of the same moment."""

from collections.abc import Iterator
from typing import Final

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import BagSchemaError
from thermal_pose.gates.intake import FrameIntake
from thermal_pose.lab.learning.datasets.options import Quality
from thermal_pose.types import NS_PER_S, RgbFrame, ThermalFrame

#: The stamps of a pair differ by at most this, s: half a period at 8 Hz.
PAIR_TOLERANCE_S: Final = 0.0625


def paired_frames(
    reader: BagReader, with_rgb: bool, quality: Quality
) -> Iterator[tuple[int, ThermalFrame, RgbFrame | None]]:
    """Yield the number of each usable thermal frame, the frame, and its nearest RGB frame.

    Parameters
    ----------
    with_rgb : frames without an RGB frame of the same moment are left out; False yields None
        in place of every RGB frame.
    quality : counts the frames that are left out.

    Raises
    ------
    BagError
        The recording is damaged, or its image size changes.
    """
    thermal = usable_frames(reader, quality)
    if not with_rgb:
        yield from ((number, frame, None) for number, frame in enumerate(thermal))
        return
    pictures = reader.rgb_frames()
    before: RgbFrame | None = None
    after = next(pictures, None)
    for number, frame in enumerate(thermal):
        while after is not None and after.stamp_ns < frame.stamp_ns:
            before, after = after, next(pictures, None)
        near = [picture for picture in (before, after) if picture is not None]
        best = min(near, key=lambda p: abs(p.stamp_ns - frame.stamp_ns), default=None)
        if best is None or abs(best.stamp_ns - frame.stamp_ns) > PAIR_TOLERANCE_S * NS_PER_S:
            quality.without_rgb += 1
        else:
            yield number, frame, best


def usable_frames(reader: BagReader, quality: Quality) -> Iterator[ThermalFrame]:
    """Yield the thermal frames that the live nodes would accept; count all, and those refused."""
    intake = FrameIntake()
    size: tuple[int, ...] = ()
    for log_ns, frame in reader.logged_thermal_frames():
        quality.thermal_frames += 1
        if intake.admit(frame, log_ns).accepted:
            size = size or frame.centikelvin.shape
            if frame.centikelvin.shape != size:
                raise BagSchemaError(
                    f"{reader.path}: the image size changes from {size[1]} x {size[0]} px to "
                    f"{frame.centikelvin.shape[1]} x {frame.centikelvin.shape[0]} px: build data "
                    "from recordings of one size"
                )
            yield frame
    refused, stamps = intake.refusals(), intake.stamps_verdict()
    quality.refused = refused.total
    quality.refusal = refused.main.sentence or stamps.sentence
