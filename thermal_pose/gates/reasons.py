# SPDX-License-Identifier: Apache-2.0
"""Reason codes of refused input, with the cause and the remedy of each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from thermal_pose.errors import InputRefusedError


class InputReason(StrEnum):
    """Why an image or the stamps of a stream are refused; `GOOD` if they are not."""

    GOOD = "good"
    FROZEN = "frozen"
    WRONG_UNIT = "wrong_unit"
    BYTE_ORDER = "byte_order"
    TELEMETRY_ROWS = "telemetry_rows"
    CORRUPT_ROWS = "corrupt_rows"
    IMPLAUSIBLE_TEMPERATURE = "implausible_temperature"
    STRETCHED = "stretched"
    OTHER_CAMERA = "other_camera"
    UNSET_STAMP = "unset_stamp"
    STAMP_OUTLIER = "stamp_outlier"
    COARSE_STAMPS = "coarse_stamps"
    STAMP_BURSTS = "stamp_bursts"
    CLOCK_SET = "clock_set"
    STAMP_RATE = "stamp_rate"


#: What to do about each reason, one sentence.
REMEDIES: Final = {
    InputReason.FROZEN: "Check the camera: its shutter, its cable, or a driver that repeats the "
    "last image.",
    InputReason.WRONG_UNIT: "Set the camera or its driver to publish 0.01 K per count (radiometric "
    "or 'TLinear high gain' output), or 32FC1 in degrees Celsius or kelvin.",
    InputReason.BYTE_ORDER: "Make the driver set is_bigendian to the byte order of its data.",
    InputReason.TELEMETRY_ROWS: "Switch the camera's telemetry off, or publish the image without "
    "these rows.",
    InputReason.CORRUPT_ROWS: "Check the cable and the bandwidth of the bus.",
    InputReason.IMPLAUSIBLE_TEMPERATURE: "Check what the camera looks at, its calibration and "
    "offset_k.",
    InputReason.STRETCHED: "Switch automatic gain off and publish radiometric counts of 0.01 K.",
    InputReason.OTHER_CAMERA: "Publish one camera, at one image size, per topic.",
    InputReason.UNSET_STAMP: "Make the driver set header.stamp to the time of exposure.",
    InputReason.STAMP_OUTLIER: "Check the driver that stamps the images.",
    InputReason.COARSE_STAMPS: "Make the driver stamp images to the millisecond.",
    InputReason.STAMP_BURSTS: "Make the driver stamp each image at its exposure, not when a "
    "buffer is read.",
    InputReason.CLOCK_SET: "Set the clock before a test (let NTP settle) and repeat the test.",
    InputReason.STAMP_RATE: "Make the driver stamp images with the time of their exposure, not "
    "with a count times a nominal period.",
}


@dataclass(frozen=True)
class Finding:
    """The verdict of a gate on one image or on the stamps of a stream.

    Attributes
    ----------
    reason : `GOOD` if accepted.
    cause : what was found, one sentence; '' if accepted.
    """

    reason: InputReason = InputReason.GOOD
    cause: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the input may be used."""
        return self.reason is InputReason.GOOD

    @property
    def sentence(self) -> str:
        """The cause and the remedy; '' if accepted."""
        return "" if self.accepted else f"{self.cause} {REMEDIES[self.reason]}"

    def error(self) -> InputRefusedError:
        """Return the refusal as an error."""
        return InputRefusedError(str(self.reason), self.sentence)


#: The finding of all good input.
GOOD: Final = Finding()
