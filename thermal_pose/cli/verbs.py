# SPDX-License-Identifier: Apache-2.0
"""Every verb of `thermal-pose` by group, its one-line help, and the module that implements it.

To add a verb, add one line to its group and one module with the verb's name (dashes become
underscores): `thermal_pose/cli/` for everyday verbs, `thermal_pose/lab/cli/` for the others.
"""

#: Verbs for live tests and recordings.
EVERYDAY: dict[str, str] = {
    "demo": "replay the shipped recording through the graph and write its report",
    "run": "run the live graph: camera, detector, pose, TUG analyzer",
    "view": "show the live topics, or a recording, in the browser",
    "serve": "serve the bedside page: run tests from a tablet",
    "record": "record the running graph",
    "play": "play a recording onto its topics, with /clock",
    "info": "describe a recording: topics, counts, rates, gaps",
    "repair": "complete a recording whose recorder was killed",
    "sync": "match both cameras' frames and find asynchronous pairs",
    "analyze": "time the Timed Up and Go in recordings, or in folders of them",
    "report": "write the report of one recorded trial",
    "history": "show one person's tests over time",
    "delete": "delete a person's results, or results by age, for good",
    "calibrate": "calibrate both cameras from a recording of a target",
    "completion": "print the shell code that completes thermal-pose commands",
}

#: Verbs that train a model for your own camera, or the shipped models.
TRAINING: dict[str, str] = {
    "dataset": "build a training data set from recordings or COCO JSON",
    "adapt": "adapt a pose model to your own camera, from your own recordings",
    "align-labels": "move a pose network's keypoints to where your annotators put them",
    "average-models": "average a pose model with the one that its training began with",
    "recalibrate": "recalibrate a pose model's scores for int8 or another camera",
    "train": "train, calibrate and export the pose models that ship",
    "train-detector": "train the person detector and export it",
    "train-teacher": "train a teacher on rendered RGB",
    "train-tug": "train the networks that time the Timed Up and Go",
    "distil-thermal": "train the paper's student from a trained thermal network",
    "model-info": "print parameters and multiply-adds of each network",
}

#: Verbs that simulate, judge and measure.
LAB: dict[str, str] = {
    "simulate": "make a cohort of simulated recordings with exact truth",
    "simulate-stream": "render thermal training frames with exact truth into shards",
    "bake-bodies": "cache bodies for machines without the body model",
    "evaluate-pose": "judge pose models on people they never saw",
    "evaluate-detector": "judge person detectors: AP50, recall, false alarms",
    "evaluate-perception": "judge keypoints offline and through the live nodes",
    "evaluate-chair-rises": "judge the two chair-rise tests on simulated and real motion",
    "bench-serve": "measure the bedside page: delay, memory and load per watcher",
    "evaluate-tug": "compare timed trials of the simulated clinic with their truth",
    "loso": "leave one subject out: the paper's table and beta sweep",
    "loso-start": "teach a network of that table on pairs of other people first",
    "loso-detectors": "train the paper's person detector on the same folds",
    "loso-variants": "measure changes to the paper's method on the same folds",
    "loso-tables": "write the paper's Table I and Figs. 1 and 3 from those results",
    "bench": "measure speed, latency, load and memory",
    "bench-simulation": "measure the speed and memory of the simulated clinic",
    "faults": "run the fault tests at full count (in a checkout)",
}

#: The groups in the order of `thermal-pose --help`.
GROUPS: dict[str, dict[str, str]] = {
    "everyday": EVERYDAY,
    "training": TRAINING,
    "lab": LAB,
}

VERBS: dict[str, str] = {verb: text for group in GROUPS.values() for verb, text in group.items()}


def module_name(verb: str) -> str:
    """Return the module that implements a verb.

    Modules are named, not imported, so that the ward never imports the lab.

    >>> module_name("train-tug")
    'thermal_pose.lab.cli.train_tug'
    """
    package = "thermal_pose.cli" if verb in EVERYDAY else "thermal_pose.lab.cli"
    return f"{package}.{verb.replace('-', '_')}"
