# SPDX-License-Identifier: Apache-2.0
"""The page of a calibration: whether it is good enough, and what to do next."""

from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from thermal_pose.report.findings import Appraisal, findings_page, table_section
from thermal_pose.report.parts import section

#: Reprojection error of a good lens calibration, px of its own image.
MAX_RMS_PX: Final = {"thermal": 0.3, "rgb": 1.0}
#: Distance of spots carried from one image to the other, thermal px.
MAX_CROSS_PX: Final = 0.5
MIN_VIEWS: Final = 12
#: Standard deviation of the focal length as a share of it.
MAX_FOCAL_SD: Final = 0.01


def judge_calibration(numbers: dict[str, Any]) -> Appraisal:
    """Return whether a calibration is good enough, and what to do next.

    Parameters
    ----------
    numbers : as in `calibration.json` (`report.figures`).
    """
    again = "then calibrate again."
    if numbers["views"] < MIN_VIEWS:
        return Appraisal(
            False,
            f"Only {numbers['views']} views support this calibration; {MIN_VIEWS} are advised.",
            f"Record the target at more places, distances and tilts, {again}",
        )
    for name, limit_px in MAX_RMS_PX.items():
        lens = numbers[name]
        if lens["rms_px"] > limit_px:
            return Appraisal(
                False,
                f"The {name} spots lie {lens['rms_px']:.2f} px from where they should, more than "
                f"{limit_px} px.",
                f"Hold the target still, let it cool or warm evenly, check --spacing, {again}",
            )
        if lens["focal_sd_px"] > MAX_FOCAL_SD * lens["focal_px"][0]:
            return Appraisal(
                False,
                f"The focal length of the {name} camera is uncertain by "
                f"{100 * lens['focal_sd_px'] / lens['focal_px'][0]:.1f} %.",
                f"Tilt the target more, and bring it to the corners of the image, {again}",
            )
    if numbers["cross_rms_thermal_px"] > MAX_CROSS_PX:
        return Appraisal(
            False,
            f"The cameras disagree by {numbers['cross_rms_thermal_px']:.2f} thermal px.",
            f"Fix both cameras to each other and check their synchronisation, {again}",
        )
    return Appraisal(
        True,
        "Both cameras are calibrated, and they agree within "
        f"{numbers['cross_rms_thermal_px']:.2f} thermal px.",
        "Compare edges and bodies in the picture below, then load the files as "
        "docs/calibration.md says.",
    )


def calibration_page(numbers: dict[str, Any], proof: Path) -> str:
    """Return the page as HTML, the picture inside.

    Parameters
    ----------
    proof : picture with the edges of the thermal image over the colour image.
    """
    picture = b64encode(proof.read_bytes()).decode("ascii")
    shown = '<p class="proof"><img alt="Edges of the thermal image over the colour image" '
    shown += f'src="data:image/png;base64,{picture}"></p>'
    lens_rows = [
        (f"{name}: {what}", f"{numbers[name][key]:.3f} px")
        for name in ("thermal", "rgb")
        for what, key in (
            ("reprojection error", "rms_px"),
            ("worst view", "worst_view_rms_px"),
            ("standard deviation of the focal length", "focal_sd_px"),
        )
    ]
    left_out, unmatched = numbers["left_out"], numbers["unmatched"]
    view_rows = [
        ("used by both cameras", str(numbers["views"])),
        ("left out: target moved", str(left_out["moving"])),
        ("left out: like another view", str(left_out["alike"])),
        ("thermal frames without a partner", str(unmatched["thermal"])),
        ("colour frames without a partner", str(unmatched["rgb"])),
        ("colour stamps behind the thermal ones", f"{1e3 * numbers['stamp_offset_s']:.1f} ms"),
    ]
    fixed = numbers["fixed_homography_error_px"]
    depth_rows = [(f"{depth} m", f"{error:.2f} px") for depth, error in fixed["by_depth"].items()]
    return findings_page(
        "Calibration of a camera pair",
        [("Views", str(numbers["views"]))],
        judge_calibration(numbers),
        section(
            "proof", "Do the edges fit?", shown,
            "Red: edges that the thermal camera sees, drawn over the colour picture. "
            "They must lie on the same edges.",
        )
        + table_section("lenses", "Lenses", lens_rows)
        + table_section("views", "Views", view_rows)
        + table_section(
            "fixed", "Error of a fixed map instead", depth_rows,
            f"A map for {fixed['depth_m']} m alone, in thermal px by depth: why the depth is used.",
        ),
    )  # fmt: skip
