# SPDX-License-Identifier: Apache-2.0
"""Verdicts on images and stamps, with the cause and the remedy of each refusal."""

from dataclasses import dataclass
from typing import Final

from thermal_pose.errors import InputRefusedError
from thermal_pose.types import TrialReason

#: The remedy for each reason to refuse input, one sentence.
REMEDIES: Final = {
    TrialReason.FROZEN: "Check the camera: its shutter, its cable, or a driver that repeats the "
    "last image.",
    TrialReason.WRONG_UNIT: "Set the camera or its driver to publish 0.01 K per count (radiometric "
    "or 'TLinear high gain' output), or 32FC1 in degrees Celsius or kelvin.",
    TrialReason.BYTE_ORDER: "Make the driver set is_bigendian to the byte order of its data.",
    TrialReason.TELEMETRY_ROWS: "Switch the camera's telemetry off, or publish the image without "
    "these rows.",
    TrialReason.CORRUPT_ROWS: "Check the cable and the bandwidth of the bus.",
    TrialReason.IMPLAUSIBLE_TEMPERATURE: "Check what the camera looks at, its calibration and "
    "offset_k.",
    TrialReason.STRETCHED: "Switch automatic gain off and publish radiometric counts of 0.01 K.",
    TrialReason.OTHER_CAMERA: "Publish one camera, at one image size, per topic.",
    TrialReason.UNSET_STAMP: "Make the driver set header.stamp to the time of exposure.",
    TrialReason.STAMP_OUTLIER: "Check the driver that stamps the images.",
    TrialReason.COARSE_STAMPS: "Make the driver stamp images to the millisecond.",
    TrialReason.STAMP_BURSTS: "Make the driver stamp each image at its exposure, not when a "
    "buffer is read.",
    TrialReason.CLOCK_SET: "Set the clock before a test (let NTP settle) and repeat the test.",
    TrialReason.STAMP_RATE: "Make the driver stamp images with the time of their exposure, not "
    "with a count times a nominal period.",
}


@dataclass(frozen=True)
class Finding:
    """The verdict of a gate on one image or on the stamps of a stream.

    Attributes
    ----------
    reason : `VALID` if accepted, otherwise one of `REMEDIES`.
    cause : what was found, one sentence; '' if accepted.
    """

    reason: TrialReason = TrialReason.VALID
    cause: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the input may be used."""
        return self.reason is TrialReason.VALID

    @property
    def sentence(self) -> str:
        """The cause and the remedy; '' if accepted."""
        return "" if self.accepted else f"{self.cause} {REMEDIES[self.reason]}"

    def error(self) -> InputRefusedError:
        """Return the refusal as an error."""
        return InputRefusedError(str(self.reason), self.sentence)


#: The finding of all good input.
GOOD: Final = Finding()
