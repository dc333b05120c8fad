# SPDX-License-Identifier: Apache-2.0
"""The sections that say how far a result can be trusted: data, truth, provenance, sources."""

from thermal_pose.clinical.records import RunInfo
from thermal_pose.clinical.tug import norms
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.report.sections import pairs_list, section
from thermal_pose.report.text import PHASE_NAMES, REASON_NAMES, html, seconds, signed_seconds

#: Parameters that the page's head shows already.
_SHOWN_ABOVE = {"subject_id", "trial_id", "age_years", "height_m", "calibration"}


def quality(result: TrialResult) -> str:
    """Return how complete the data were."""
    c = result.coverage
    rate = f"{1 / c.median_interval_s:.1f} per second" if c.median_interval_s else "—"
    pairs = [
        ("Frames", f"{c.n_frames}, {rate}"),
        (
            "Person found",
            f"{c.n_with_subject} of {c.n_frames} ({100 * c.share_with_subject:.0f} %)",
        ),
        ("Longest time unseen", seconds(c.max_unseen_s)),
        ("Gaps between frames", f"{c.n_gaps}; longest interval {seconds(c.max_gap_s)}"),
        ("Duplicated, out of order", f"{c.n_duplicated}, {c.n_out_of_order}"),
        ("Mean joint confidence", f"{c.mean_confidence:.2f}"),
    ]
    verdict = (
        "Valid: the person sat, stood, walked out, turned, walked back and sat, in this order."
        if result.timing.valid
        else f"Refused: {result.timing.sentence}"
    )
    return section(
        "quality",
        "Validity and data",
        f'<p class="verdict">{html(verdict)}</p>' + pairs_list(pairs),
    )


def truth(result: TrialResult) -> str:
    """Return the comparison with a simulated trial's exact times."""
    exact = result.truth
    if exact is None:
        return ""
    if not (exact.valid and result.timing.valid):
        words = (
            f"By construction this simulated trial is: {REASON_NAMES[exact.reason].lower()}. "
            f"The analysis says: {REASON_NAMES[result.timing.reason].lower()}."
        )
        return section("truth", "Simulated trial", f"<p>{html(words)}</p>")
    measured = {interval.phase: interval for interval in result.timing.phases}
    rows = [("Total", exact.total_s or 0.0, result.total_s or 0.0)]
    rows += [
        (PHASE_NAMES[i.phase], i.duration_s, measured[i.phase].duration_s)
        for i in exact.phases
        if i.phase in measured
    ]
    body = "".join(
        f'<tr><th scope="row">{html(name)}</th><td>{true:.2f}</td><td>{found:.2f}</td>'
        f"<td>{signed_seconds(found - true)[:-2]}</td></tr>"
        for name, true, found in rows
    )
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of exact and measured '
        'times"><table><thead><tr><th scope="col">Seconds</th><th scope="col">Exact</th>'
        '<th scope="col">Measured</th><th scope="col">Error</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    lead = (
        "This recording comes from the simulated clinic, whose exact times are known. No person "
        "was tested."
    )
    return section("truth", "Simulated trial", table, lead)


def provenance(result: TrialResult, run: RunInfo | None) -> str:
    """Return what produced the report."""
    source = result.provenance
    width, height = source.image_wh
    pairs = [("Keypoint model", source.model_id or "not recorded")]
    pairs += [(name, version) for name, version in sorted(source.versions.items())]
    pairs += [
        ("Calibration", source.calibration or "none used"),
        ("Thermal image", f"{width} × {height} px"),
        ("Followed person", f"track {result.track_id}" if result.track_id else "nobody"),
        ("First frame's stamp", f"{result.timing.origin_ns} ns"),
    ]
    pairs += [
        (name, str(value))
        for name, value in sorted(source.parameters.items())
        if name not in {*_SHOWN_ABOVE, *source.versions} and value != ""
    ]
    if run is not None:
        pairs += [("Report created", run.created), ("Source", run.source)]
    return section(
        "provenance", "Provenance", pairs_list([(k, v) for k, v in pairs if v]), classes="small"
    )


def notes(valid: bool) -> str:
    """Return how to read the figures, and the sources of all references."""
    landmarks = "".join(
        f"<li>{html(mark.label)}: {html(mark.meaning)} ({html(mark.source.short)}).</li>"
        for mark in norms.LANDMARKS
    )
    sources = "".join(
        f"<li>{html(s.full)} <span class='url'>{html(s.url)}</span></li>" for s in norms.SOURCES
    )
    reading = (
        "<h3>How to read the total</h3><ul><li>" + html(norms.TOTALS_START_NOTE) + "</li>"
        "<li>± is one standard deviation of the measurement.</li>"
        f"{landmarks}<li>References are bands to read a figure beside, not a verdict on a "
        "person.</li></ul>"
        f'<details><summary>Sources</summary><ol class="sources">{sources}</ol></details>'
        if valid
        else ""
    )
    privacy = (
        "<h3>Privacy</h3><p>The person is named by a pseudonym. Thermal film of low resolution can "
        "still identify a person by gait: keep this file as you keep other health records.</p>"
    )
    return section("notes", "Notes", reading + privacy, classes="small")
