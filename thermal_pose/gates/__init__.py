# SPDX-License-Identifier: Apache-2.0
"""Whether what comes in can be trusted: one gate for images, one for stamps.

Live topics, recordings, the offline analysis, the camera driver and data-set building all pass
through `intake.FrameIntake`. `reasons` holds the table of causes and remedies that
`docs/input-quality.md` explains.
"""
