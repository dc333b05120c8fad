# SPDX-License-Identifier: Apache-2.0
"""Write the report of one recorded trial: HTML, JSON and CSV.

With --store, the result is kept under the person's pseudonym and compared with earlier tests.

examples:
  thermal-pose report recordings/visit-3 --out out/visit-3
  thermal-pose report recordings/visit-3 --subject P-4F7K2Q --age 74 --height 1.68 \\
      --store results.sqlite
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from thermal_pose.bags.finding import recording_name
from thermal_pose.bags.reader import BagReader
from thermal_pose.cli.arguments import (
    add_json,
    add_language,
    add_out,
    add_person,
    add_recording,
    add_test,
    test_of,
)
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import SEXES, WALKING_AIDS, Visit
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from thermal_pose.clinical.records import RunInfo
    from thermal_pose.pipeline.session import FinishedTrial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser)
    add_out(parser, "folder of the report", Path("out/report"))
    add_person(parser)
    parser.add_argument("--trial", default="", help="name of the trial (default: the recording's)")
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="camera_info YAML (default: the recording's own)",
    )
    parser.add_argument(
        "--store", type=Path, metavar="FILE", help="results store to add to and compare with"
    )
    parser.add_argument(
        "--picture", action="store_true", help="also take report.png of the page, with Chromium"
    )
    add_test(parser)
    for name, choices in (("sex", SEXES), ("walking-aid", WALKING_AIDS)):
        parser.add_argument(f"--{name}", default="", choices=("", *choices), help="for the report")
    for name in ("chair", "assessor"):
        parser.add_argument(f"--{name}", default="", help="for the report")
    parser.add_argument("--time-zone", default="", help="IANA name, for local time (default: UTC)")
    add_language(parser)
    add_json(parser, "the report; further tests of the recording under `further_tests`")


def _params(args: argparse.Namespace) -> TugParams:
    """Return the analysis parameters that the options state."""
    try:
        params = TugParams(
            subject_id=args.subject,
            trial_id=args.trial or recording_name(args.recording),
            age_years=args.age,
            height_m=args.height,
            visit=Visit(args.sex, args.walking_aid, args.chair, args.assessor, args.time_zone),
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return params


def _with_calibration(params: TugParams, file: Path, bag: BagReader) -> TugParams:
    """Add the scale that a calibration gives for images of the recording's size."""
    from thermal_pose.calibration.files import load_camera_info
    from thermal_pose.pipeline.lens import with_lens

    _, first = next(bag.logged_thermal_frames())
    height, width = first.centikelvin.shape
    return with_lens(params, load_camera_info(file), (width, height))


def start(args: argparse.Namespace) -> int:
    """Analyse the recording, write its report, print one line."""
    from thermal_pose.bags import schema
    from thermal_pose.clinical.records import RunInfo
    from thermal_pose.pipeline.perception_params import build_perception
    from thermal_pose.pipeline.recorded_trial import analyze_recording
    from thermal_pose.report.picture import print_page
    from thermal_pose.report.write import write_report
    from thermal_pose.store.results import keep

    if args.store is not None and not args.subject:
        raise ConfigError("--store needs --subject: results are kept by pseudonym")
    params = _params(args)
    with BagReader(args.recording) as bag:
        total = bag.require(schema.THERMAL_IMAGE, "sensor_msgs/msg/Image").count
        if args.calibration is not None:
            params = _with_calibration(params, args.calibration, bag)
    with tqdm(total=total, unit="frame", disable=None) as bar:
        trial = analyze_recording(
            args.recording, build_perception(), params, bar.update, test_of(args)
        )
    run = RunInfo(created=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", source=args.recording.name)
    history = []
    if args.store is not None:
        kept = keep(args.store, trial.result.to_json_dict(run))
        history = kept.earlier
        if kept.remark:
            print(f"note: {args.store}: {kept.remark}", file=sys.stderr)
    paths = write_report(
        trial.result, trial.frames, trial.keypoints, args.out, history, run, args.language
    )
    if args.picture:
        print_page(paths.html, paths.png)
    further = [_further(args, test, number, run) for number, test in enumerate(trial.further, 2)]
    if args.json:
        document = trial.result.to_json_dict(run)
        later = [test.result.to_json_dict(run) for test in trial.further]
        print(json.dumps(document | ({"further_tests": later} if later else {}), indent=2))
        return 0
    print(f"{_outcome(trial.result)}; report: {paths.html}")
    for number, (test, path) in enumerate(zip(trial.further, further, strict=True), 2):
        print(f"test {number} of the same recording: {_outcome(test.result)}; {path}")
    return 0


def _further(args: argparse.Namespace, test: "FinishedTrial", number: int, run: "RunInfo") -> Path:
    """Keep and report a later test of the recording; return its page."""
    from thermal_pose.report.write import write_report
    from thermal_pose.store.results import keep

    if args.store is not None:
        keep(args.store, test.result.to_json_dict(run))
    out = args.out / f"test-{number}"
    written = write_report(test.result, test.frames, test.keypoints, out, [], run, args.language)
    return written.html


def _outcome(result: MovementResult) -> str:
    kept = EarlierTest.from_result(result)
    if kept.value is None:
        return f"refused: {kept.sentence}"
    return f"{kept.kind.title}: {kept.value:.{kept.kind.decimals}f} {kept.kind.unit}"
