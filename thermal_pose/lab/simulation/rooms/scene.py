# SPDX-License-Identifier: Apache-2.0
"""Records of a simulated scene: room, chairs, objects, cameras, clocks and actors.

A scene consists of frozen dataclasses of numbers and tuples, so `dataclasses.asdict` turns it into
a manifest, and equal scenes compare equal. `rooms.draw` draws scenes, `sensors.renderer` renders
them.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, Protocol

from thermal_pose.errors import SimulationError
from thermal_pose.imaging.camera_model import (
    LEPTON,
    RGB_1024,
    CameraIntrinsics,
    CameraModel,
    CameraPose,
)
from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.outfits import Outfit

Triple = tuple[float, float, float]

AidKind = Literal["stick", "frame"]
DistractorKind = Literal["lamp", "cup", "radiator", "window", "monitor", "pet", "bed", "table"]
DISTRACTOR_KINDS: Final[tuple[DistractorKind, ...]] = (
    "lamp",
    "cup",
    "radiator",
    "window",
    "monitor",
    "pet",
    "bed",
    "table",
)


def _require(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SimulationError(f"{name}: expected {low} to {high}, got {value}")


@dataclass(frozen=True)
class Room:
    """A box-shaped room; the chair is at the origin and the walkway runs along +x.

    Attributes
    ----------
    x_min_m, x_max_m, y_min_m, y_max_m, height_m : inner walls and ceiling, m.
    air_degc : temperature of the air; walls and floor have about the same.
    floor_gloss : share of the long-wave radiation that the floor reflects.
    gradient_k : how much warmer the walls are at the ceiling than at the floor.
    light : brightness of the RGB scene; 1 is a well lit ward.
    light_xyz : direction towards the main light.
    texture_seed : seed of colours, textures and slow temperature patterns.
    structure_k : further temperature differences between and within surfaces, as outdoors or with
        pipes and shelves.
    sunlit_k : how much warmer sunlit patches of floor and walls are.
    """

    x_min_m: float = -1.0
    x_max_m: float = 8.0
    y_min_m: float = -2.5
    y_max_m: float = 2.5
    height_m: float = 2.6
    air_degc: float = 22.0
    gradient_k: float = 1.2
    floor_gloss: float = 0.06
    light: float = 1.0
    light_xyz: Triple = (0.3, 0.2, 0.93)
    texture_seed: int = 0
    structure_k: float = 0.0
    sunlit_k: float = 0.0

    def __post_init__(self) -> None:
        _require("x_min_m", self.x_min_m, -10.0, -0.4)
        _require("x_max_m", self.x_max_m, 3.5, 30.0)
        _require("y_min_m", self.y_min_m, -15.0, -0.8)
        _require("y_max_m", self.y_max_m, 0.8, 15.0)
        _require("height_m", self.height_m, 2.0, 6.0)
        _require("air_degc", self.air_degc, 5.0, 40.0)
        _require("structure_k", self.structure_k, 0.0, 6.0)
        _require("sunlit_k", self.sunlit_k, 0.0, 20.0)


@dataclass(frozen=True)
class Chair:
    """A chair; the test starts from the first chair of a scene.

    Attributes
    ----------
    seat_height_m, seat_width_m : height and width of the seat.
    seat_front_m, seat_back_m : x of the seat's front edge and of the backrest; a seated
        person's hips are over x = 0.
    back_height_m : height of the top of the backrest above the floor.
    arm_rests : whether there are arm rests, 0.22 m above the seat.
    yaw_rad : rotation to the left.
    position_m : (x, y) of the chair; the test's chair is at the room's origin.
    """

    seat_height_m: float = 0.45
    seat_width_m: float = 0.46
    seat_front_m: float = 0.24
    seat_back_m: float = -0.19
    back_height_m: float = 0.85
    arm_rests: bool = True
    yaw_rad: float = 0.0
    position_m: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        _require("seat_height_m", self.seat_height_m, 0.3, 0.65)
        _require("seat_width_m", self.seat_width_m, 0.3, 0.8)
        _require("back_height_m", self.back_height_m, self.seat_height_m, 1.6)


@dataclass(frozen=True)
class Distractor:
    """An object that is not a person, but may be as warm as one.

    `warm_k` is its temperature above the air (negative: colder); `scale` multiplies its usual size.
    """

    kind: DistractorKind
    position_m: Triple
    warm_k: float
    yaw_rad: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in DISTRACTOR_KINDS:
            raise SimulationError(f"kind: expected one of {DISTRACTOR_KINDS}, got {self.kind!r}")
        _require("warm_k", self.warm_k, -25.0, 60.0)
        _require("scale", self.scale, 0.1, 5.0)


@dataclass(frozen=True)
class CameraPlacement:
    """Position of a camera and the point that it looks at, in the room."""

    position_m: Triple
    target_m: Triple
    roll_rad: float = 0.0

    @property
    def pose(self) -> CameraPose:
        """The placement as rotation and translation."""
        return CameraPose.looking_at(self.position_m, self.target_m, self.roll_rad)


@dataclass(frozen=True)
class ThermalSensor:
    """A thermal camera.

    Attributes
    ----------
    intrinsics : lens and frame size.
    rate_hz : frame rate.
    netd_k : standard deviation of the temporal noise, 0.05 to 0.3 K in real cameras.
    column_noise_k, row_noise_k : standard deviation of stripes; half of the variance is fixed, half
        changes with every frame.
    fixed_pattern_k : standard deviation of the offsets that remain after calibration.
    drift_k_per_min : slow change of the frame's offset between shutter events.
    offset_k : constant radiometric error.
    time_constant_s : time constant of pixel and temporal filter together.
    psf_sigma_px : blur of the optics.
    quantum_k : step of the radiometric output; 0.01 K (Lepton) or 0.1 K (SenXor).
    dead_pixels : share of stuck pixels; the camera replaces most of them by neighbours.
    shutter : whether the camera recalibrates with a shutter, during which the image is frozen.
    shutter_period_s, shutter_freeze_s : time between shutter events, and how long each freezes the
        image.
    noise_seed : seed of everything random in the sensor.
    """

    intrinsics: CameraIntrinsics = LEPTON
    rate_hz: float = 8.0
    netd_k: float = 0.06
    column_noise_k: float = 0.03
    row_noise_k: float = 0.01
    fixed_pattern_k: float = 0.03
    drift_k_per_min: float = 0.1
    offset_k: float = 0.0
    time_constant_s: float = 0.012
    psf_sigma_px: float = 0.55
    quantum_k: float = 0.01
    dead_pixels: float = 0.0
    shutter: bool = True
    shutter_period_s: float = 180.0
    shutter_freeze_s: float = 0.6
    noise_seed: int = 0

    def __post_init__(self) -> None:
        _require("rate_hz", self.rate_hz, 0.5, 60.0)
        _require("netd_k", self.netd_k, 0.0, 1.0)
        _require("time_constant_s", self.time_constant_s, 0.0, 1.0)
        _require("psf_sigma_px", self.psf_sigma_px, 0.0, 3.0)
        _require("dead_pixels", self.dead_pixels, 0.0, 0.05)


@dataclass(frozen=True)
class RgbSensor:
    """A webcam; `noise` is a share of full scale, and `exposure_s` determines the motion blur."""

    intrinsics: CameraIntrinsics = RGB_1024
    noise: float = 0.012
    exposure_s: float = 0.016
    gain: float = 1.0
    warmth: float = 0.0
    noise_seed: int = 0

    def __post_init__(self) -> None:
        _require("noise", self.noise, 0.0, 0.2)
        _require("exposure_s", self.exposure_s, 0.0, 0.12)
        _require("gain", self.gain, 0.2, 4.0)


@dataclass(frozen=True)
class Clock:
    """A camera's clock: stamp = true time * (1 + drift) + offset + jitter."""

    offset_s: float = 0.0
    drift_ppm: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        _require("drift_ppm", self.drift_ppm, -500.0, 500.0)
        _require("jitter_s", self.jitter_s, 0.0, 0.05)


@dataclass(frozen=True)
class Scene:
    """A room with furniture and cameras, but without people (see `Actor`).

    Attributes
    ----------
    room, chairs, distractors : room and objects; `chairs[0]` is the test's chair.
    thermal, thermal_placement : the thermal camera.
    rgb, rgb_placement : the colour camera, some centimetres beside the thermal one.
    thermal_clock, rgb_clock : clocks that stamp the frames.
    rgb_phase_s : delay of the colour exposure after the thermal one.
    async_share : share of pairs with matching stamps in which one frame is older (paper: 1 %).
    seat_warm_k : temperature of the seat above the air when the recording starts.
    seed : seed of jitter and asynchronous pairs.
    """

    room: Room = field(default_factory=Room)
    chairs: tuple[Chair, ...] = (Chair(),)
    distractors: tuple[Distractor, ...] = ()
    thermal: ThermalSensor = field(default_factory=ThermalSensor)
    thermal_placement: CameraPlacement = CameraPlacement((6.0, 0.8, 1.4), (1.2, 0.0, 0.85))
    rgb: RgbSensor = field(default_factory=RgbSensor)
    rgb_placement: CameraPlacement = CameraPlacement((6.0, 0.85, 1.42), (1.2, 0.0, 0.85))
    thermal_clock: Clock = field(default_factory=Clock)
    rgb_clock: Clock = field(default_factory=Clock)
    rgb_phase_s: float = 0.0
    async_share: float = 0.01
    seat_warm_k: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require("async_share", self.async_share, 0.0, 1.0)
        for name in ("thermal_placement", "rgb_placement"):
            x, y, z = getattr(self, name).position_m
            inside_x = self.room.x_min_m < x < self.room.x_max_m
            inside_y = self.room.y_min_m < y < self.room.y_max_m
            if not (inside_x and inside_y and 0.0 < z < self.room.height_m):
                raise SimulationError(
                    f"{name}.position_m: expected a point inside the room, got {(x, y, z)}"
                )

    @cached_property
    def thermal_camera(self) -> CameraModel:
        """Geometry of the thermal camera."""
        return CameraModel(self.thermal.intrinsics, self.thermal_placement.pose)

    @cached_property
    def rgb_camera(self) -> CameraModel:
        """Geometry of the colour camera."""
        return CameraModel(self.rgb.intrinsics, self.rgb_placement.pose)


@dataclass(frozen=True)
class AidPose:
    """A walking aid at one instant.

    Attributes
    ----------
    kind : 'stick' or 'frame'.
    foot_m : tip of the stick, or floor point midway between the four legs of the frame.
    top_m : handle of the stick; for a frame, only its height counts, which is that of the handles.
    yaw_rad : heading of the frame.
    """

    kind: AidKind
    foot_m: Triple
    top_m: Triple
    yaw_rad: float = 0.0


class Motion(Protocol):
    """Motion of one person during a recording; times are seconds since its start."""

    def pose(self, time_s: float) -> BodyPose:
        """Posture at any time, also before 0 and after the end."""
        ...

    def aid(self, time_s: float) -> AidPose | None:
        """The walking aid at a time; None if there is none."""
        ...

    def present(self, time_s: float) -> bool:
        """Whether the person is in the room at a time."""
        ...


@dataclass(frozen=True)
class Actor:
    """One person in a recording.

    Attributes
    ----------
    person_id : 1 or more, constant during the recording; the subject has 1.
    role : 'subject', 'carer' or 'bystander'.
    body, outfit, motion : appearance and motion.
    """

    person_id: int
    role: Literal["subject", "carer", "bystander"]
    body: Body
    outfit: Outfit
    motion: Motion

    def __post_init__(self) -> None:
        if not 1 <= self.person_id <= 250:
            raise ValueError(f"person_id: expected 1 to 250, got {self.person_id}")


@dataclass(frozen=True)
class StillMotion:
    """A posture held for the whole recording."""

    held: BodyPose

    def pose(self, time_s: float) -> BodyPose:
        """The held posture."""
        return self.held

    def aid(self, time_s: float) -> AidPose | None:
        """No walking aid."""
        return None

    def present(self, time_s: float) -> bool:
        """Always."""
        return True
