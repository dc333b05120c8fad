# SPDX-License-Identifier: Apache-2.0
"""The sections that say how far a result can be trusted: data, truth, provenance, sources."""

from collections.abc import Sequence

from thermal_pose.clinical.phases import phase_name
from thermal_pose.clinical.records import Coverage, RunInfo
from thermal_pose.clinical.results import MovementResult
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.language import say
from thermal_pose.report.parts import folded, pairs_list
from thermal_pose.report.sections import source_items
from thermal_pose.report.text import REASON_NAMES, decimal, html, seconds, signed_seconds
from thermal_pose.types import TugTiming

#: Parameters that the page's head shows already.
_SHOWN_ABOVE = {"subject_id", "trial_id", "age_years", "height_m", "calibration"}


def quality(result: TrialResult) -> str:
    """Return how complete the data of a Timed Up and Go were."""
    return quality_section(result.coverage, result.timing, (*result.remarks, *result.input_notes))


def quality_section(coverage: Coverage, timing: TugTiming, input_notes: Sequence[str]) -> str:
    """Return the verdict and how complete the data were."""
    c = coverage
    rate = f"{decimal(1 / c.median_interval_s, 1)} / s" if c.median_interval_s else "—"
    pairs = [
        (say("Frames"), f"{c.n_frames}, {rate}"),
        (
            say("Person found"),
            f"{c.n_with_subject} / {c.n_frames} ({100 * c.share_with_subject:.0f} %)",
        ),
        (say("Longest time unseen"), seconds(c.max_unseen_s)),
        (say("Gaps between frames"), f"{c.n_gaps}; {say('longest')} {seconds(c.max_gap_s)}"),
        (say("Duplicated, out of order"), f"{c.n_duplicated}, {c.n_out_of_order}"),
        (say("Mean joint confidence"), decimal(c.mean_confidence, 2)),
    ]
    verdict = (
        say("Valid: all parts of the test were seen, in their order.")
        if timing.valid
        else f"{say('Refused:')} {say(timing.sentence)}"
    )
    listed = "".join(f"<li>{html(say(note))}</li>" for note in input_notes)
    notes_list = f'<ul class="facts">{listed}</ul>' if listed else ""
    return folded(
        "quality",
        say("Validity and data"),
        f'<p class="verdict">{html(verdict)}</p>' + pairs_list(pairs) + notes_list,
    )


def truth(result: TrialResult) -> str:
    """Return the comparison with a simulated trial's exact times."""
    exact = result.truth
    if exact is None:
        return ""
    if not (exact.valid and result.timing.valid):
        words = say(
            "By construction this simulated trial is: {truth}. The analysis says: {found}.",
            truth=say(REASON_NAMES[exact.reason]),
            found=say(REASON_NAMES[result.timing.reason]),
        )
        return folded("truth", say("Simulated trial"), f"<p>{html(words)}</p>")
    measured = {
        interval.phase: duration_s
        for interval, duration_s in zip(result.timing.phases, result.durations_s, strict=True)
        if duration_s is not None
    }
    rows = [(say("Total"), exact.total_s or 0.0, result.total_s or 0.0)]
    rows += [
        (say(phase_name(i.phase)), i.duration_s, measured[i.phase])
        for i in exact.phases
        if i.phase in measured
    ]
    body = "".join(
        f'<tr><th scope="row">{html(name)}</th><td>{decimal(true, 2)}</td>'
        f"<td>{decimal(found, 2)}</td><td>{signed_seconds(found - true)[:-2]}</td></tr>"
        for name, true, found in rows
    )
    table = (
        '<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{html(say("Table of exact and measured times"))}"><table><thead><tr>'
        + "".join(
            f'<th scope="col">{html(say(name))}</th>'
            for name in ("Seconds", "Exact", "Measured", "Error")
        )
        + "</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
    lead = (
        "This recording comes from the simulated clinic, whose exact times are known. No person "
        "was tested."
    )
    return folded("truth", say("Simulated trial"), f'<p class="lead">{html(say(lead))}</p>{table}')


#: What the parameters of a result are called for people.
_PARAMETER_NAMES = {
    "min_joint_score": "Joints used from a score of",
    "max_gap_s": "Longest gap between frames, s",
    "max_unseen_s": "Longest time unseen, s",
    "max_lost_share": "Largest share of frames without the person",
    "max_total_s": "Longest test, s",
    "seated_after_s": "Seated this long ends a test, s",
    "pre_roll_s": "Kept before the first movement, s",
    "focal_px": "Focal length, px",
    "segmenter": "Phase network",
    "live_network": "Live phase network",
    "thermal_pose": "thermal_pose version",
}


def provenance(result: MovementResult, run: RunInfo | None) -> str:
    """Return what produced the report."""
    source = result.provenance
    width, height = source.image_wh
    pairs = [(say("Keypoint model"), source.model_id or say("not recorded"))]
    pairs += [
        (say(_PARAMETER_NAMES.get(name, name)), version)
        for name, version in sorted(source.versions.items())
    ]
    pairs += [
        (say("Calibration"), source.calibration or say("none used")),
        (say("Thermal image"), f"{width} × {height} px"),
        (
            say("Followed person"),
            say("track {n}", n=result.track_id) if result.track_id else say("nobody"),
        ),
        (say("First frame's stamp"), f"{result.timing.origin_ns} ns"),
    ]
    pairs += [
        (say(_PARAMETER_NAMES.get(name, name.replace("_", " "))), str(value))
        for name, value in sorted(source.parameters.items())
        if name not in {*_SHOWN_ABOVE, *source.versions} and value not in ("", 0.0)
    ]
    if run is not None:
        pairs += [(say("Report created"), run.created), (say("Source"), run.source)]
    return folded("provenance", say("Provenance"), pairs_list([(k, v) for k, v in pairs if v]))


def notes(valid: bool) -> str:
    """Return how to read the figures, and the sources of all references."""
    landmarks = "".join(
        f"<li>{html(say(mark.label))}: {html(say(mark.meaning))} ({html(mark.source.short)}).</li>"
        for mark in norms.LANDMARKS
    )
    sources = source_items(norms.SOURCES)
    sd = say("± is one standard deviation of the measurement.")
    bands = say("References are bands to read a figure beside, not a verdict on a person.")
    falls = say("The risk of falling is not predicted: one test has limited ability to do so.")
    reading = (
        f"<h3>{html(say('How to read the total'))}</h3><ul>"
        f"<li>{html(say(norms.TOTALS_START_NOTE))}</li><li>{html(sd)}</li>{landmarks}"
        f"<li>{html(bands)}</li><li>{html(falls)}</li></ul>"
        f"<h3>{html(say('Sources'))}</h3><ol class='sources'>{sources}</ol>"
        if valid
        else ""
    )
    return folded("notes", say("Notes and sources"), reading + privacy())


def privacy() -> str:
    """Return what the report means for privacy."""
    words = say(
        "The person is named by a pseudonym. Thermal film of low resolution can still identify a "
        "person by gait: keep this file as you keep other health records."
    )
    return f"<h3>{html(say('Privacy'))}</h3><p>{html(words)}</p>"
