# SPDX-License-Identifier: Apache-2.0
"""Level, sentence and rows of /diagnostics for the condition of a camera.

OK within 10 % of the nominal rate; ERROR two seconds after the last frame.
"""

from enum import IntEnum

from thermal_pose.cameras.driver import DriverState, DriverStatus

RATE_TOLERANCE = 0.10
SILENCE_ERROR_S = 2.0


class Level(IntEnum):
    """Levels of `diagnostic_msgs/DiagnosticStatus`."""

    OK = 0
    WARN = 1
    ERROR = 2


def assess(status: DriverStatus, expected_rate_hz: float) -> tuple[Level, str]:
    """Return a level and a sentence for people.

    Parameters
    ----------
    status : snapshot of the driver.
    expected_rate_hz : of published frames.
    """
    if status.state is not DriverState.STREAMING:
        return _assess_idle(status)
    silent = status.age_s is None or status.age_s > SILENCE_ERROR_S
    if status.identity is not None and status.identity.backend == "bag":
        return (Level.WARN, "waiting for consumers") if silent else (Level.OK, "replaying")
    if silent:
        return Level.ERROR, f"no good frame for {SILENCE_ERROR_S:g} s"
    if abs(status.rate_hz - expected_rate_hz) > RATE_TOLERANCE * expected_rate_hz:
        return Level.WARN, f"{status.rate_hz:.2f} Hz instead of {expected_rate_hz:.2f} Hz"
    return Level.OK, "streaming"


def _assess_idle(status: DriverStatus) -> tuple[Level, str]:
    """Return level and sentence of a driver that delivers no frames."""
    outcomes = {
        DriverState.STOPPED: (Level.WARN, "inactive: the node is not activated"),
        DriverState.ENDED: (Level.OK, "the recording has ended"),
        DriverState.FAILED: (Level.ERROR, status.last_error),
    }
    if status.activity:
        return Level.WARN, f"{status.state.value}: {status.activity}"
    error = status.last_error or "no camera yet"
    return outcomes.get(status.state, (Level.ERROR, f"{status.state.value}: {error}"))


def describe(status: DriverStatus) -> dict[str, str]:
    """Return the rows of /diagnostics."""
    health = status.health
    rows = {
        "state": status.state.value,
        "published": str(status.published),
        "reconnects": str(status.reconnects),
        "other devices refused": str(status.refused),
        "frames lost": str(health.frames_lost),
        "gaps": str(health.gaps),
        "repeated frames": str(health.repeated),
        "shutter freezes": str(health.shutter_freezes),
        "corrupt frames": str(health.corrupt),
        "duplicate or reordered frames": str(health.duplicates),
        "stamps held after a clock step": str(status.stamps_held),
        "clock jumps followed": str(status.clock_jumps),
        "fault of the stamps": status.stamp_fault or "none",
        "device clock drift": f"{status.drift_ppm:.1f} ppm",
        "device clock resets": str(status.clock_resets),
        "last error": status.last_error or "none",
    }
    if status.age_s is not None:
        rows["time since last frame"] = f"{status.age_s:.3f} s"
    if status.die_temperature_degc is not None:
        rows["die temperature"] = f"{status.die_temperature_degc:.2f} degC"
    if status.identity is not None:
        rows["hardware"] = f"{status.identity.model} {status.identity.serial}".strip()
        rows["backend"] = status.identity.backend
    return rows
