# SPDX-License-Identifier: Apache-2.0
"""Every verb of `thermal-pose`, its one-line help, and the module that implements it."""

#: Verbs of the ward: what runs beside a patient and on recordings.
WARD: dict[str, str] = {
    "view": "show the live topics, or a recording, in the browser",
    "analyze": "time the Timed Up and Go in recordings or folders of them",
    "delete": "delete results of a person, or by age, for good",
    "demo": "replay the shipped recording through the live graph and report on it",
    "history": "show one person's tests over time",
    "info": "describe a recording: topics, counts, rates, gaps",
    "play": "play a recording onto its topics, with /clock",
    "record": "record the running graph",
    "repair": "complete or save a recording whose recorder was killed",
    "report": "write the report of one recorded trial",
    "run": "run the live graph: camera, detector, pose, TUG analyzer",
    "calibrate": "calibrate both cameras from a recording of a target",
    "sync": "match both cameras' frames; find asynchronous pairs",
}

#: Verbs of the lab: what makes and judges models.
LAB: dict[str, str] = {
    "evaluate-perception": "judge keypoints with exact boxes, offline and through the nodes",
    "bench": "measure speed, latency, load and memory",
    "bake-bodies": "fill a cache with bodies, for machines without the body model",
    "bench-simulation": "measure the simulated clinic: frames a second, memory, floor",
    "simulate-stream": "render thermal training frames with exact truth into shards",
    "evaluate-detector": "judge person detectors: AP50, recall, false alarms",
    "evaluate-pose": "judge pose models on people never seen: AP, calibration, refusal",
    "adapt": "adapt a pose model to your own camera, from your own recordings",
    "dataset": "build a training data set from recordings or COCO json",
    "loso": "leave one subject out: the paper's table and beta sweep",
    "loso-detectors": "train the paper's person detector on the same folds",
    "loso-variants": "beyond the paper: changes to its method on the same folds",
    "loso-tables": "write the paper's Table I and Figs. 1 and 3 from those results",
    "model-info": "print parameters and multiply-adds, true and as the paper counts",
    "train": "train, calibrate and export the students to ship",
    "recalibrate": "calibrate a pose model's scores anew, for int8 or another camera",
    "distil-thermal": "train the paper's student from a trained thermal network",
    "train-teacher": "train a teacher on rendered RGB",
    "train-detector": "train the tiny person detector and export it",
    "train-tug": "train the networks that time the Timed Up and Go",
    "evaluate-tug": "compare timed trials of the simulated clinic with their truth",
    "faults": "run the fault tests at full count (in a checkout)",
    "simulate": "make a cohort of simulated recordings with exact truth",
}

VERBS: dict[str, str] = {**WARD, **LAB}


def module_name(verb: str) -> str:
    """Return the module that implements a verb.

    Modules are named, not imported, so that the ward never imports the lab.

    >>> module_name("train-tug")
    'thermal_pose.lab.cli.train_tug'
    """
    package = "thermal_pose.lab.cli" if verb in LAB else "thermal_pose.cli"
    return f"{package}.{verb.replace('-', '_')}"
