# SPDX-License-Identifier: Apache-2.0
"""Train the paper's student from a trained thermal network instead of an RGB teacher.

Loss, decoder and architecture are the paper's; the teacher sees thermal images instead of RGB.

examples:
  thermal-pose distil-thermal --teacher out/models/student-lite.pt --train out/train \\
      --confidence out/confidence --calibration-data out/calibration \\
      --evaluation clinic=out/clinic --latent-minutes 7 --max-minutes 4 --out out/models
"""

import argparse
from pathlib import Path

from thermal_pose.cli.arguments import add_device, add_json, add_max_minutes, add_out
from thermal_pose.lab.cli.training_options import (
    add_data_arguments,
    add_shipped_settings,
    load_data,
    print_cards,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--teacher",
        type=Path,
        required=True,
        metavar="FILE",
        help="trained student: .pt with its card beside it",
    )
    add_data_arguments(parser)
    parser.add_argument(
        "--latent-minutes",
        type=float,
        default=7.0,
        metavar="MINUTES",
        help="training time of the latent term alone",
    )
    add_max_minutes(parser, 4.0)
    parser.add_argument(
        "--only-widen",
        action="store_true",
        help="write the teacher itself, widened to the classic decoder, without training",
    )
    parser.add_argument("--cold", action="store_true", help="start with random weights")
    add_shipped_settings(parser)
    add_device(parser)
    add_json(parser, "the cards and their figures")
    add_out(parser, "folder for models and cards", required=True)


def start(args: argparse.Namespace) -> int:
    """Train, calibrate, measure and export."""
    from thermal_pose.errors import ConfigError
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import command_line, write_run
    from thermal_pose.lab.learning.fitting.training import Progress, Training
    from thermal_pose.lab.learning.networks.folded_pose import slim
    from thermal_pose.lab.learning.networks.pose import build_network
    from thermal_pose.lab.learning.students.ship import (
        add_confidence,
        check_scores,
        decode_rule,
        load_student,
        save_student,
    )
    from thermal_pose.lab.learning.students.ship_export import TrainedStudent, export_shipped
    from thermal_pose.lab.learning.students.thermal_teacher import (
        distil_from_thermal,
        load_thermal_teacher,
    )

    config, device = load_config(args.config, args.overrides), choose_device(args.device)
    data = load_data(args, config.seed)
    if not args.only_widen:
        check_scores(data, None)
    teacher, info = load_thermal_teacher(args.teacher, config)
    write_run(args.out, config, data.train.fingerprint(), config.seed)
    training = Training(config, device, Progress(args.out, args.max_minutes))
    if args.only_widen:
        if len(teacher.state_dict()) != len(build_network("mobilenetv3").state_dict()):
            raise ConfigError(
                f"--only-widen: {args.teacher} is deeper than the paper's student; leave the "
                "option out to distil from it"
            )
        head = load_student(args.teacher)[1]
        student = TrainedStudent("student", teacher, head, info, info.name, info.trained_on)
        cards = export_shipped(student, data, training, command_line())
        print_cards(args, {"student": cards}, data)
        return 0
    network = distil_from_thermal(
        teacher.to(device), data, training, args.latent_minutes, warm_start=not args.cold
    )
    head = add_confidence(slim(network), data, training, decode_rule(info))
    save_student(args.out / "student.pt", network, head)
    begun = "random weights" if args.cold else info.name
    student = TrainedStudent("student", network, head, info, begun, info.trained_on)
    cards = export_shipped(student, data, training, command_line())
    print_cards(args, {"student": cards}, data)
    return 0
