# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from clinical.tug.test_subject import moved
from clinical.tug.test_validity import FAR
from support.stick_figure import Figure

from thermal_pose.clinical.tug.live import LivePhases
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.trial import TrialAnalyzer, analyze_frames, go_stamp_ns
from thermal_pose.types import FrameKeypoints, Phase, TrialReason


@pytest.fixture(scope="module")
def frames() -> list[FrameKeypoints]:
    return Figure().frames()


def nan_frame(frame: FrameKeypoints) -> FrameKeypoints:
    persons = tuple(
        replace(p, xy=np.full((17, 2), np.nan, np.float32), scores=np.zeros(17, np.float32))
        for p in frame.persons
    )
    return replace(frame, persons=persons)


def test_a_whole_test_is_timed(frames: list[FrameKeypoints]) -> None:
    result = analyze_frames(frames)
    truth = Figure().truth
    assert result.timing.valid
    assert [p.phase for p in result.timing] == [p.phase for p in truth]
    assert result.total_s == pytest.approx(truth.total_s, abs=1.5)


def test_live_phases_follow_the_only_order_and_end_by_themselves(
    frames: list[FrameKeypoints],
) -> None:
    analyzer = TrialAnalyzer()
    updates = [analyzer.update(frame) for frame in frames]
    phases = [u.phase for u in updates]
    runs = [p for k, p in enumerate(phases) if k == 0 or p is not phases[k - 1]]
    assert runs[0] is Phase.SEATED
    assert runs[-1] is Phase.SEATED
    assert Phase.WALK_OUT in runs
    assert Phase.WALK_BACK in runs
    assert updates[-1].finished
    assert updates[-1].elapsed_s == pytest.approx(Figure().truth.total_s, abs=1.5)
    assert updates[-1].track_id == 1


def test_same_frames_same_bytes_over_ten_runs(frames: list[FrameKeypoints]) -> None:
    analyzer = TrialAnalyzer()
    texts = set()
    for _ in range(10):
        analyzer.reset()
        for frame in frames:
            analyzer.update(frame)
        texts.add(analyzer.finish().to_json())
    assert len(texts) == 1


def test_frames_after_the_end_change_nothing(frames: list[FrameKeypoints]) -> None:
    longer = Figure(end_s=20.0).frames()
    end = next(k for k, u in enumerate(map(TrialAnalyzer().update, longer)) if u.finished)
    assert analyze_frames(longer).to_json() == analyze_frames(longer[: end + 1]).to_json()


def test_duplicates_are_counted_and_change_nothing_else(frames: list[FrameKeypoints]) -> None:
    once = analyze_frames(frames)
    twice = analyze_frames([frame for frame in frames for _ in range(2)])
    assert twice.coverage.n_duplicated > 0
    assert twice.timing == once.timing


def test_a_jump_back_is_told_apart_from_a_late_frame(frames: list[FrameKeypoints]) -> None:
    analyzer = TrialAnalyzer()
    for frame in frames:
        analyzer.update(frame)
    assert analyzer.jumped_back(frames[0].stamp_ns)
    assert not analyzer.jumped_back(frames[-1].stamp_ns - 1)


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_too_few_frames_are_refused(frames: list[FrameKeypoints], n_frames: int) -> None:
    result = analyze_frames(frames[:n_frames])
    assert not result.timing.valid
    assert result.timing.sentence
    assert result.total_s is None
    assert "NaN" not in result.to_json()


def test_all_nan_is_refused(frames: list[FrameKeypoints]) -> None:
    assert analyze_frames(map(nan_frame, frames)).timing.reason is TrialReason.NO_PERSON


def test_shuffled_input_has_a_clear_outcome(frames: list[FrameKeypoints]) -> None:
    order = np.random.default_rng(3).permutation(len(frames))
    result = analyze_frames([frames[k] for k in order])
    assert result.coverage.n_out_of_order > 0
    assert result.timing.valid or result.timing.sentence


def test_seated_all_the_time_is_refused() -> None:
    seated = Figure(edges_s=FAR).frames()
    assert analyze_frames(seated).timing.reason is TrialReason.NEVER_STOOD


def test_memory_is_bounded_while_seated() -> None:
    seated = Figure(edges_s=FAR, end_s=60.0).frames()
    analyzer = TrialAnalyzer(TugParams(pre_roll_s=8.0))
    # Looked at once in every eight seconds, so that up to twice as much is held.
    assert max(analyzer.update(frame) and analyzer.n_frames for frame in seated) <= 2 * 8 * 8 + 2
    assert analyzer.finish().timing.reason is TrialReason.NEVER_STOOD


def test_go_gives_the_total_from_go(frames: list[FrameKeypoints]) -> None:
    result = analyze_frames(frames, go_stamp_ns=frames[8].stamp_ns)
    assert result.total_s is not None
    assert result.total_from_go_s == pytest.approx(
        result.timing.phases[-1].end_s - (frames[8].stamp_ns - result.timing.origin_ns) / 1e9
    )


def test_go_is_now_on_a_live_clock_and_the_newest_image_of_a_recording() -> None:
    now_ns = 1_750_000_000_000_000_000
    assert go_stamp_ns(now_ns - 150_000_000, now_ns) == now_ns
    assert go_stamp_ns(None, now_ns) == now_ns
    recorded_ns = now_ns - 86_400_000_000_000
    assert go_stamp_ns(recorded_ns, now_ns) == recorded_ns
    assert go_stamp_ns(now_ns + 500_000_000, now_ns) == now_ns + 500_000_000


def test_what_was_completed_before_a_test_was_broken_off_stands_on_its_own(
    frames: list[FrameKeypoints],
) -> None:
    result = analyze_frames(frames[: int(8 * 5.5)])
    assert result.timing.reason is TrialReason.STOPPED_EARLY
    assert result.total_s is None
    assert [p.phase for p in result.timing.phases][:1] == [Phase.SIT_TO_STAND]
    assert result.to_json_dict()["phases"][0]["phase"] == "SIT_TO_STAND"


def test_parameters_name_the_bound() -> None:
    with pytest.raises(ValueError, match=r"age_years: expected 0.0 to 120.0, got 300"):
        TugParams(age_years=300)


def blind(live: LivePhases, shares: np.ndarray) -> None:
    """A causal network that sees nobody move."""


def hasty(live: LivePhases, shares: np.ndarray) -> None:
    """A causal network that takes the first second for a whole test."""
    live._onset_s = live._seated_s = 0.0


@pytest.mark.parametrize("mistaken", [blind, hasty])
def test_a_causal_network_that_is_wrong_costs_no_trial(
    monkeypatch: pytest.MonkeyPatch, mistaken: Callable[[LivePhases, np.ndarray], None]
) -> None:
    frames = Figure(edges_s=tuple(np.array(Figure().edges_s) + 2.0), end_s=19.0).frames()
    expected = analyze_frames(frames)
    monkeypatch.setattr(LivePhases, "_move", mistaken)
    found = analyze_frames(frames)
    assert found.timing.valid
    assert found.total_s == pytest.approx(expected.total_s, abs=0.1)


def test_a_rest_after_a_broken_off_test_ends_the_trial() -> None:
    stands = Figure(edges_s=(2.0, 3.4, 90.0, 91.0, 92.0, 93.0, 94.0), end_s=6.0).frames()
    sits = Figure(edges_s=FAR, end_s=14.0).frames(stands[-1].stamp_ns + 125_000_000)
    analyzer = TrialAnalyzer()
    updates = [analyzer.update(frame) for frame in [*stands, *sits]]
    assert updates[-1].finished
    assert not any(update.finished for update in updates[: len(stands) + 8])
    assert analyzer.finish().timing.reason is TrialReason.STOPPED_EARLY


def test_someone_else_who_does_the_test_after_the_end_refuses_a_recording() -> None:
    late = tuple(np.array(Figure().edges_s) + 15.0)
    both = zip(Figure(end_s=32.0).frames(), Figure(edges_s=late, end_s=32.0).frames(), strict=True)
    frames = [
        f if k < 8 * 15 else replace(f, persons=(*f.persons, moved(g.persons[0], -16.0, 2)))
        for k, (f, g) in enumerate(both)
    ]
    analyzer = TrialAnalyzer()
    end = next(k for k, frame in enumerate(frames) if analyzer.update(frame).finished)
    # Live, the first test's report is out before the second begins.
    assert analyzer.finish().timing.valid
    assert frames[end].stamp_ns - frames[0].stamp_ns < 16 * 10**9
    assert analyze_frames(frames).timing.reason is TrialReason.SECOND_PERSON


def test_any_32_bit_identity_is_followed(frames: list[FrameKeypoints]) -> None:
    largest = 2**32 - 1
    renamed = [
        replace(f, persons=tuple(replace(p, track_id=largest) for p in f.persons)) for f in frames
    ]
    assert analyze_frames(renamed).track_id == largest
