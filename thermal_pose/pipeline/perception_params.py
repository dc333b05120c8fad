# SPDX-License-Identifier: Apache-2.0
"""From the parameters of the nodes to the objects of `perception`: one way for all callers."""

from thermal_pose.errors import ConfigError
from thermal_pose.inference.base import (
    PersonDetector,
    PoseModel,
    RuntimeOptions,
    ThresholdedDetector,
)
from thermal_pose.inference.factory import make_detector, make_estimator
from thermal_pose.inference.warm_blob import WarmBlobDetector
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception import DetectionStage, Perception, PoseSettings, PoseStage
from thermal_pose.tracking.sides import SidesSettings
from thermal_pose.tracking.smoothing import OneEuroSettings
from thermal_pose.tracking.tracker import TrackerSettings


def build_detector(parameters: DetectorParameters) -> PersonDetector:
    """Load the detector that the parameters name."""
    options = RuntimeOptions(parameters.engine, parameters.device, parameters.threads)
    return make_detector(parameters.model, options)


def build_estimator(parameters: PoseParameters) -> PoseModel:
    """Load the pose model that the parameters name."""
    options = RuntimeOptions(parameters.engine, parameters.device, parameters.threads)
    return make_estimator(parameters.model, options)


def build_detection_stage(parameters: DetectorParameters) -> DetectionStage:
    """Load the detector and set its cadence and thresholds."""
    stage = DetectionStage(build_detector(parameters), parameters.detect_every_n)
    apply_detector_parameters(stage, parameters)
    return stage


def apply_detector_parameters(stage: DetectionStage, parameters: DetectorParameters) -> None:
    """Bring the dynamic parameters to a running detection stage.

    Raises
    ------
    ConfigError
        A score threshold was given to a detector whose scores are no probabilities.
    """
    detector = stage.detector
    if isinstance(detector, ThresholdedDetector):
        detector.set_score_threshold(
            None if parameters.score_threshold < 0 else parameters.score_threshold
        )
    elif parameters.score_threshold >= 0:
        raise ConfigError(
            f"detector.score_threshold = {parameters.score_threshold}: "
            f"'{parameters.model}' takes none"
        )
    if isinstance(detector, WarmBlobDetector):
        detector.set_threshold(parameters.warm_threshold_k)
    stage.every_n = parameters.detect_every_n


def pose_settings(parameters: PoseParameters) -> PoseSettings:
    """Return how keypoints are followed."""
    smoothing = None
    if parameters.smoothing == "one_euro":
        smoothing = OneEuroSettings(
            min_cutoff_hz=parameters.smoothing_min_cutoff_hz,
            beta_s_per_px=parameters.smoothing_beta_s_per_px,
        )
    tracker = TrackerSettings(
        max_lost_s=parameters.max_lost_s,
        min_joint_score=parameters.min_joint_score,
        min_person_score=parameters.min_person_score,
    )
    sides = SidesSettings() if parameters.keep_sides else None
    return PoseSettings(tracker, sides, smoothing, parameters.max_persons)


def build_pose_stage(parameters: PoseParameters) -> PoseStage:
    """Load the pose model and set how people are followed."""
    return PoseStage(build_estimator(parameters), pose_settings(parameters))


def build_perception(
    detector: DetectorParameters | None = None, pose: PoseParameters | None = None
) -> Perception:
    """Build both stages from the parameters that the nodes take (defaults: the shipped models).

    Raises
    ------
    ModelArtifactError, MissingExtraError
        A model or an engine is missing.
    """
    return Perception(
        build_detection_stage(detector or DetectorParameters()),
        build_pose_stage(pose or PoseParameters()),
    )
