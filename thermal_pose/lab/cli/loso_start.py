# SPDX-License-Identifier: Apache-2.0
"""Teach a network of the paper's table on pairs of other people, as a start for `loso`.

The keypoints to learn are those that any pose network found in the RGB pictures of the pairs
(`adapt --pictures` writes those), or the data set's own. `loso --set distill.start=FILE` then
begins with the result, and refuses people that it has seen. An interrupted training goes on.

examples:
  thermal-pose loso-start out/pairs --labels keypoints.json --network mobilenetv3 --out out/start
  thermal-pose loso-start out/pairs --labels keypoints.json --network resnet50 \\
      --set distill.coarse_share=0.7 --max-minutes 90 --out out/start
  thermal-pose loso out/paper --labels keypoints-paper.json --rows supervised_same_start \\
      --set distill.start=out/start/mobilenetv3.pt --set distill.decoder_width=64
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import add_device, add_json, add_max_minutes, add_out, print_result
from thermal_pose.lab.cli.training_options import add_shipped_settings, epochs_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("data", type=Path, nargs="+", help="data sets of pairs")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="COCO json of the RGB pictures' keypoints (default: the data's own)",
    )
    parser.add_argument("--network", default="mobilenetv3", help="mobilenetv3, resnet50 or vit_b")
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="NETWORK.pt to go on from (default: random weights)",
    )
    add_out(parser, "folder for NETWORK.pt and its checkpoints", required=True)
    add_shipped_settings(parser)
    add_max_minutes(parser)
    add_device(parser)
    add_json(parser, "what was trained")


def start(args: argparse.Namespace) -> int:
    """Label, train, save."""
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import tensorboard_log, write_run
    from thermal_pose.lab.learning.fitting.training import Progress, Training
    from thermal_pose.lab.learning.paper.start import learn_start, read_start, save_start
    from thermal_pose.lab.learning.pose_data import load_folders
    from thermal_pose.lab.learning.students.labels import with_own_labels

    config = load_config(args.config, args.overrides)
    earlier = None if args.start is None else read_start(args.start)
    data = load_folders(args.data)
    if args.labels is not None:
        data = with_own_labels(args.labels, data)
    write_run(args.out, config, data.fingerprint(), config.seed)
    with tqdm(total=config.fit.epochs, unit="epoch", desc=args.network, disable=None) as bar:
        progress = Progress(args.out, args.max_minutes, tensorboard_log(args.out), epochs_on(bar))
        training = Training(config, choose_device(args.device), progress)
        begun = learn_start(args.network, data, training, earlier)
    path = args.out / f"{args.network}.pt"
    save_start(path, begun)
    document = {
        "file": str(path),
        "network": begun.name,
        "people": len(begun.trained_on),
        "steps": begun.steps,
        "crops": begun.crops,
    }
    print_result(
        args,
        document,
        f"{path}: {begun.steps} steps, {begun.crops} crops of {len(begun.trained_on)} people",
    )
    return 0
