# SPDX-License-Identifier: Apache-2.0
"""README's own workflow on a plain camera: record, info, analyze, report, view.

The camera is a foreign node that publishes mono16 images, best effort, and nothing else: no
calibration, no truth.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from support import faults

from thermal_pose.bags.reader import BagReader
from thermal_pose.cli import main as cli
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.viewer.recording import show_recording

DEMO = Path(__file__).parents[1] / "thermal_pose" / "assets" / "demo"

#: Publishes a recording's images with stamps of now, at their own pace, once someone listens.
CAMERA = """
import sys, time
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from thermal_pose.bags.reader import BagReader

with BagReader(sys.argv[1]) as bag:
    frames = list(bag.thermal_frames())
rclpy.init()
node = rclpy.create_node('camera')
qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
publisher = node.create_publisher(Image, 'thermal/image_raw', qos)
while publisher.get_subscription_count() < 1:
    time.sleep(0.05)
first_ns, begin_s = frames[0].stamp_ns, time.time()
for frame in frames:
    after_s = (frame.stamp_ns - first_ns) / 1e9
    time.sleep(max(0.0, begin_s + after_s - time.time()))
    height, width = frame.centikelvin.shape
    image = Image(height=height, width=width, encoding='mono16', step=2 * width)
    image.data = frame.centikelvin.astype('<u2').tobytes()
    stamp_ns = int(begin_s * 1e9) + frame.stamp_ns - first_ns
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    image.header.frame_id = 'cam'
    publisher.publish(image)
print(len(frames), flush=True)
"""


def people_shown(bag: Path) -> int:
    """Run what `view` runs, without the extra that draws; return the images with someone."""
    view = MagicMock()
    show_recording(bag, view, DetectorParameters(), PoseParameters())
    return sum(bool(call.args[0].persons) for call in view.keypoints.call_args_list)


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_record_info_analyze_report_view_of_a_plain_camera(
    ros_domain: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**os.environ, "ROS_DOMAIN_ID": str(ros_domain)}
    record = [sys.executable, "-m", "thermal_pose.cli.main", "record", "--subject", "P01"]
    with subprocess.Popen(
        [*record, "--out", str(tmp_path / "recordings")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as recorder:
        camera = subprocess.run(
            [sys.executable, "-c", CAMERA, str(DEMO)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        published = int(camera.stdout)
        recorder.terminate()
        _, said = recorder.communicate(timeout=60)
    assert recorder.returncode == 0, said
    (bag,) = (tmp_path / "recordings").iterdir()

    assert cli.main(["info", str(bag), "--json"]) == 0
    topics = {row["name"]: row["count"] for row in json.loads(capsys.readouterr().out)["topics"]}
    # Best effort may lose an image on a busy machine, not many.
    assert 0.95 * published <= topics["/thermal/image_raw"] <= published
    others = ("/truth/tug", "/thermal/camera_info", "/keypoints")
    assert not any(topics.get(name) for name in others)

    assert cli.main(["analyze", str(bag), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["outcome"] == "valid", row
    assert row["total_s"] == pytest.approx(10.40, abs=0.15)

    out = tmp_path / "report"
    assert cli.main(["report", str(bag), "--out", str(out), "--height", "1.7", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["total_s"] == pytest.approx(row["total_s"])
    assert document["truth"] is None
    assert {f"report.{kind}" for kind in ("csv", "html", "json")} <= {p.name for p in out.iterdir()}

    assert people_shown(bag) > 0.8 * topics["/thermal/image_raw"]
    if importlib.util.find_spec("rerun"):
        assert cli.main(["view", "--bag", str(bag), "--out", str(tmp_path / "trial.rrd")]) == 0
        assert (tmp_path / "trial.rrd").stat().st_size > 100_000

    assert cli.main(["repair", str(bag)]) == 0
    assert "nothing to repair" in capsys.readouterr().out
    with BagReader(bag) as recorded:
        assert recorded.custom_data["subject_id"] == "P01"
    faults.record(
        "recording of a plain camera (mono16, best effort, no calibration, no truth)",
        1,
        "record, info, analyze, report, view and repair work; total "
        f"{row['total_s']:.2f} s, true total 10.40 s",
    )
