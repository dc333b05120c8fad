# SPDX-License-Identifier: Apache-2.0
"""The result of any movement test.

What is common to all: `timing` (validity), `signals.stamps_s`, `subject_id`, `to_json_dict`,
`refused` and `noted`.
"""

from thermal_pose.clinical.chair_rises.result import ChairRiseResult
from thermal_pose.clinical.tug.result import TrialResult

MovementResult = TrialResult | ChairRiseResult
