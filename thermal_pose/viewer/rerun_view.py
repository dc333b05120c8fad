# SPDX-License-Identifier: Apache-2.0
"""Shows the graph's data in a browser, through Rerun and its web viewer (extra `view`).

The wheel contains the viewer's files; nothing is loaded from another machine.
"""

import os
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.clinical.phases import phase_name
from thermal_pose.errors import MissingExtraError
from thermal_pose.imaging.draw import IDENTITY_COLOURS, DrawSettings, colour_mapped
from thermal_pose.skeleton import JOINT_NAMES, LIMBS
from thermal_pose.types import FrameKeypoints, PersonKeypoints, Phase, ThermalFrame
from thermal_pose.viewer.server import ViewerOptions, start_server

TIMELINE: Final = "stamp"
_SCALE: Final = 4
#: Height of each phase in the plot; a test climbs from 1 to 7.
_PHASES: Final = {phase: float(phase.value) for phase in Phase}


class RerunView:
    """Logs frames, people and phases into one Rerun recording.

    Parameters
    ----------
    name : shown in the viewer's title.

    Raises
    ------
    MissingExtraError
        Rerun is not installed.
    """

    def __init__(self, name: str = "thermal-pose") -> None:
        # No usage data leaves a room of patients. The module reads this when it loads.
        os.environ.setdefault("RERUN_ANALYTICS", "0")
        os.environ.setdefault("TELEMETRY_ENABLED", "false")
        try:
            import rerun
            import rerun.blueprint
        except ImportError as error:
            raise MissingExtraError("the browser view", "rerun", "view") from error
        self._rr: Any = rerun
        self._stream: Any = rerun.RecordingStream(name)
        self._drawing = DrawSettings(scale=_SCALE)
        self._phase: Phase | None = None
        self._log_static()

    def serve(self, options: ViewerOptions) -> str:
        """Serve data and page; return the page's address.

        Raises
        ------
        GraphError
            A port is taken.
        """
        data = start_server(options)
        self._stream.connect_grpc(data, default_blueprint=self.blueprint())
        # '+' stands for a space in a query: the address of the data is sent escaped.
        page = f"http://{options.host}:{options.web_port}/?url={data.replace('+', '%2B')}"
        if options.open_browser:
            webbrowser.open(page)
        return page

    def save(self, path: Path) -> None:
        """Write everything logged from now on into an .rrd file."""
        self._stream.save(str(path), default_blueprint=self.blueprint())

    def flush(self) -> None:
        """Wait until everything logged has left this process."""
        self._stream.flush()

    def blueprint(self) -> Any:
        """Return the page's layout: picture to the left, phase and counts to the right."""
        views = self._rr.blueprint
        return views.Blueprint(
            views.Horizontal(
                views.Spatial2DView(origin="/thermal", name="Thermal image and people"),
                views.Vertical(
                    views.TimeSeriesView(origin="/tug", name="Phase and its probability"),
                    views.TimeSeriesView(origin="/people", name="People and their scores"),
                    views.TextLogView(origin="/log", name="Phases"),
                ),
                column_shares=[3, 2],
            ),
            collapse_panels=True,
        )

    def frame(self, frame: ThermalFrame) -> None:
        """Log one thermal image."""
        self._at(frame.stamp_ns)
        picture = cv2.cvtColor(colour_mapped(frame.centikelvin, self._drawing), cv2.COLOR_BGR2RGB)
        self._stream.log("thermal/image", self._rr.Image(picture))

    def keypoints(self, keypoints: FrameKeypoints) -> None:
        """Log all people of one image; an empty image clears those of the image before."""
        self._at(keypoints.stamp_ns)
        people = keypoints.persons
        self._log_boxes(people)
        self._log_skeletons(people)
        self._stream.log("people/count", self._rr.Scalars(float(len(people))))
        for person in people:
            path = f"people/score/{person.track_id}"
            self._stream.log(path, self._rr.Scalars(float(person.person_score)))

    def phase(self, stamp_ns: int, phase: Phase, probability: float, elapsed_s: float) -> None:
        """Log what the TUG analyzer knows at one image; changes also as a line of text."""
        self._at(stamp_ns)
        self._stream.log("tug/phase", self._rr.Scalars(_PHASES[phase]))
        self._stream.log("tug/probability", self._rr.Scalars(float(probability)))
        if phase is not self._phase:
            name = phase_name(phase).lower()
            self._stream.log("log", self._rr.TextLog(f"{name} ({elapsed_s:.1f} s)"))
        self._phase = phase

    def note(self, stamp_ns: int, text: str) -> None:
        """Log a line of text, such as a report's total."""
        self._at(stamp_ns)
        self._stream.log("log", self._rr.TextLog(text))

    def _at(self, stamp_ns: int) -> None:
        self._stream.set_time(TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))

    def _log_static(self) -> None:
        names = "  ".join(f"{phase.value} {phase_name(phase).lower()}" for phase in Phase)
        self._stream.log("tug/phase", self._rr.SeriesLines(names=f"phase: {names}"), static=True)
        self._stream.log("tug/probability", self._rr.SeriesLines(names="probability"), static=True)

    def _log_boxes(self, people: Sequence[PersonKeypoints]) -> None:
        edges = np.array([person.box.xyxy for person in people], np.float32).reshape(-1, 2, 2)
        corners = _to_picture(edges)
        self._stream.log(
            "thermal/people/boxes",
            self._rr.Boxes2D(
                mins=corners[:, 0],
                sizes=corners[:, 1] - corners[:, 0],
                labels=[f"{p.track_id}: {100 * p.person_score:.0f} %" for p in people],
                colors=[_rgb(person.track_id) for person in people],
            ),
        )

    def _log_skeletons(self, people: Sequence[PersonKeypoints]) -> None:
        limbs, limb_colours, joints, joint_colours, labels = [], [], [], [], []
        for person in people:
            points = _to_picture(person.xy)
            shown = (person.scores >= self._drawing.min_joint_score) & np.isfinite(points[:, 0])
            pairs = [(a, b) for a, b in LIMBS if shown[a] and shown[b]]
            limbs += [points[[a, b]] for a, b in pairs]
            limb_colours += [_rgb(person.track_id)] * len(pairs)
            joints += list(points[shown])
            joint_colours += [_rgb(person.track_id)] * int(shown.sum())
            labels += [
                f"{name} {100 * score:.0f} %"
                for name, score, seen in zip(JOINT_NAMES, person.scores, shown, strict=True)
                if seen
            ]
        strips = self._rr.LineStrips2D(limbs, colors=limb_colours, radii=1.0)
        self._stream.log("thermal/people/limbs", strips)
        self._stream.log(
            "thermal/people/joints",
            self._rr.Points2D(
                joints, colors=joint_colours, labels=labels, show_labels=False, radii=1.8
            ),
        )


def _to_picture(xy: Any) -> Any:
    """Thermal px (centres whole) to Rerun's picture coordinates (corners whole)."""
    return (np.asarray(xy, dtype=np.float32) + 0.5) * _SCALE


def _rgb(track_id: int) -> tuple[int, int, int]:
    blue, green, red = IDENTITY_COLOURS[track_id % len(IDENTITY_COLOURS)]
    return (red, green, blue)
