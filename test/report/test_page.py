# SPDX-License-Identifier: Apache-2.0
import itertools
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from support import fabricated_results as fabricated

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import phase_name
from thermal_pose.clinical.records import Measure, RunInfo, Visit
from thermal_pose.clinical.tug.result import TrialSignals
from thermal_pose.language import speaking
from thermal_pose.report.charts import Axis, Trace, history_plot, side_by_side, signal_plot
from thermal_pose.report.film import build_film
from thermal_pose.report.history import history_page
from thermal_pose.report.page import css_string, earlier_than, trial_page
from thermal_pose.report.table import trial_csv
from thermal_pose.report.text import ADVICE, REASON_NAMES
from thermal_pose.types import NS_PER_S, TrialReason

HOSTILE = """<script>alert(1)</script>"'&lt;/title>"""
VOID = {"meta", "link", "input", "img", "br"}


class Checker(HTMLParser):
    """Collects what a page refers to, and checks that its elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.labels: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID and tag not in {"path", "line"}:
            self.open.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [found[key] for key in ("src", "href") if key in found]
        self.labels += [
            found[key] for key in ("aria-labelledby", "aria-describedby") if key in found
        ]
        if tag == "img":
            assert found.get("alt")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag in {"path", "line"}:
            return
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text.append(data)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert set(checker.labels) <= set(checker.ids)
    outside = [a for a in checker.addresses if not a.startswith(("data:", "#"))]
    assert outside == []
    return checker


def words(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(checked(page).text))


@cache
def film():
    return build_film(fabricated.result(), fabricated.frames(), fabricated.keypoints())


def test_a_valid_page_shows_total_phases_and_measures():
    text = words(trial_page(fabricated.result(), film(), fabricated.history()))
    assert "11.30 s" in text and "± 0.06 s" in text
    for interval in fabricated.timing().phases:
        assert phase_name(interval.phase) in text
        assert f"{interval.duration_s:.2f}" in text
    assert "checked in simulation only" in text and "experimental" in text
    assert "Needs the person's height" in text
    assert "Not a medical device" in text
    assert "start at the word 'go'" in text
    assert "9.5 ± 2.5 s" in text and "Pondal 2008" in text
    assert "interval of the mean" not in text
    assert "12 s CDC STEADI" in text and "13.5 s Barry 2014" in text
    assert "Against a stopwatch" in text


def test_a_phase_beside_an_unsure_boundary_has_a_reason_in_place_of_its_duration():
    sds = (0.05, 0.04, 0.06, 1.9, 0.06, 0.05, 0.04)
    unsure = fabricated.result(boundary_sds_s=sds, measures=())
    page = trial_page(unsure, film(), fabricated.history())
    text = words(page)
    phases = fabricated.timing().phases
    for k, interval in enumerate(phases):
        assert (f"{interval.duration_s:.2f}" in text) is (k not in (2, 3)), interval.phase
    assert text.count("Where it begins or ends is uncertain by 1.9 s.") == 2
    assert f"{phase_name(phases[2].phase)} {phases[2].duration_s:.2f} s" not in page
    table = trial_csv(unsure).splitlines()
    row = next(line for line in table if "turn_duration_s" in line)
    assert ",,s," in row and row.endswith("Where it begins or ends is uncertain by 1.9 s.")
    with speaking("de"):
        assert "um 1,9 s unsicher" in words(trial_page(unsure, None, []))


def test_compares_with_the_last_earlier_test_only():
    text = words(trial_page(fabricated.result(), None, fabricated.history()))
    assert "Previous test (2026-01-12): 11.87 s, change −0.57 s" in text
    later = EarlierTest(fabricated.SUBJECT, "later", fabricated.ORIGIN_NS + 1, value=1.0)
    same = EarlierTest(fabricated.SUBJECT, "same", fabricated.ORIGIN_NS, value=1.0)
    assert earlier_than(fabricated.result(), [later, same]) == []
    assert "No earlier valid test" in words(trial_page(fabricated.result(), None, [later]))


@pytest.mark.parametrize("reason", [r for r in TrialReason if r is not TrialReason.VALID])
def test_a_refused_page_gives_the_reason_and_no_clinical_figure(reason: TrialReason):
    sentence = "A sentence about what happened."
    refused = fabricated.result(reason=reason, sentence=sentence)
    page = trial_page(refused, film(), fabricated.history())
    text = words(page)
    assert REASON_NAMES[reason] in text and sentence in text and ADVICE[reason] in text
    for absent in ("Total time", "Measures", "Previous test", "11.30", "1.46 s", "2.65"):
        assert absent not in text
    durations = [f"{i.duration_s:.2f}" for i in fabricated.timing().phases]
    shown = re.sub(r"<script.*?</script>|data:[^\"]*|style=\"[^\"]*\"", "", page, flags=re.S)
    assert not [value for value in durations if f">{value}" in shown]


def test_every_reason_has_a_name_and_advice():
    assert set(REASON_NAMES) == set(TrialReason)
    assert set(ADVICE) == set(TrialReason) - {TrialReason.VALID}


def test_all_text_of_others_is_escaped():
    measure = Measure("x", HOSTILE, HOSTILE, HOSTILE)
    result = replace(
        fabricated.result(subject_id=HOSTILE, trial_id=HOSTILE),
        measures=(measure, replace(measure, name="y", value=None, omitted=HOSTILE)),
        provenance=replace(
            fabricated.result().provenance,
            model_id=HOSTILE, versions={HOSTILE: HOSTILE}, parameters={HOSTILE: HOSTILE},
            calibration=HOSTILE,
        ),
    )  # fmt: skip
    earlier = [replace(test, trial_id=HOSTILE) for test in fabricated.history()]
    run = RunInfo(HOSTILE, HOSTILE)
    page = trial_page(result, film(), earlier, run)
    assert "<script>alert" not in page
    checked(page)
    refused = fabricated.result(reason=TrialReason.LEFT_VIEW, sentence=HOSTILE, subject_id=HOSTILE)
    page = trial_page(refused, film(), earlier, run)
    assert "<script>alert" not in page
    checked(page)


def test_a_css_string_holds_any_text():
    assert css_string("P-7, visit 3") == '"P-7, visit 3"'
    assert css_string('</style>"\\é') == '"\\3c \\2f style\\3e \\22 \\5c \\e9 "'


def test_the_same_input_gives_the_same_page():
    first = trial_page(fabricated.result(), film(), fabricated.history())
    again = trial_page(fabricated.result(), film(), list(reversed(fabricated.history())))
    assert first == again
    with_run = trial_page(fabricated.result(), film(), (), RunInfo("2026-01-01 10:00 UTC", "bag"))
    assert "2026-01-01 10:00 UTC" in with_run


def test_total_from_go_only_where_go_was_signalled():
    assert "From the signalled" not in words(trial_page(fabricated.result(), None))
    text = words(trial_page(fabricated.result(go_s=1.91), None))
    assert "From the signalled ‘go’: 11.80 s" in text


@pytest.mark.parametrize("age", [None, 30.0])
def test_without_an_age_band_the_reason_stands_instead(age: float | None):
    text = words(trial_page(fabricated.result(age_years=age), None))
    assert "No age reference" in text
    assert "Individuals of" not in text


def test_steps_are_whole_numbers_with_a_range():
    text = words(trial_page(fabricated.result(), None))
    assert re.search(r"Steps, walk out 5 4–6", text)


def test_experimental_measures_and_details_are_folded():
    page = trial_page(fabricated.result(), film(), fabricated.history())
    assert page.count('<details class="more"') >= 5
    folded = page.split("<summary>Experimental measures</summary>")[1].split("</details>")[0]
    assert "Cadence, walk out" in folded and "do not rely on them" in words(folded)


def test_shows_who_ran_the_test_where_with_which_aid_in_local_time():
    visit = Visit("female", "cane", "arm rests", "AB", "Europe/Berlin")
    text = words(trial_page(fabricated.result(visit=visit), None))
    for shown in ("Sex female", "Walking aid cane", "Chair arm rests", "Assessor AB"):
        assert shown in text
    assert "2026-02-02 03:40 CET" in text


def test_speaks_german():
    with speaking("de"):
        text = words(trial_page(fabricated.result(), film(), fabricated.history()))
    assert "Gesamtzeit" in text and "nur in der Simulation geprüft" in text


def test_a_simulated_trial_says_so_and_shows_its_errors():
    *before, last = fabricated.timing().phases
    later = replace(last, end_s=last.end_s + 0.1)
    exact = replace(fabricated.timing(), phases=(*before, later))
    text = words(trial_page(fabricated.result(truth=exact), None))
    assert "Simulated recording" in text and "No person was tested" in text
    assert "−0.10" in text


def test_an_empty_trial_makes_a_page():
    nothing = np.zeros(0)
    signals = TrialSignals(*[nothing] * 7, np.zeros((0, 7)))
    result = fabricated.result(
        reason=TrialReason.NO_PERSON, sentence="Nobody was seen.", signals=signals,
        timing=replace(fabricated.timing(TrialReason.NO_PERSON, "Nobody was seen."), phases=()),
    )  # fmt: skip
    assert "Nobody was seen." in words(trial_page(result, None))


def test_a_trial_that_was_never_seen_makes_a_page():
    missing = np.full(128, np.nan)
    signals = replace(
        fabricated.signals(), hip_height=missing, trunk_lean_deg=missing, distance=missing,
        facing=missing, confidence=np.zeros(128),
    )  # fmt: skip
    result = fabricated.result(reason=TrialReason.NO_PERSON, sentence="Nobody.", signals=signals)
    assert "never seen" in trial_page(result, film())


def test_gaps_break_the_line_of_a_signal():
    values = np.array([1.0, 2.0, np.nan, 2.0, 1.0])
    trace = Trace("x", "", "", values, 0.0, 2.0)
    plot = signal_plot(trace, np.arange(5.0), (), Axis(0.0, 4.0))
    path = re.search(r'd="([^"]*)"', plot)
    assert path is not None
    assert path[1].count("M") == 2 and path[1].count("L") == 2


def test_a_long_signal_makes_a_short_path_that_keeps_its_peak():
    values = np.zeros(50_000)
    values[31_234] = 1.0
    plot = signal_plot(Trace("x", "", "", values, 0.0, 1.0), np.arange(5e4), (), Axis(0.0, 5e4))
    path = re.search(r'd="([^"]*)"', plot)
    assert path is not None
    assert len(path[1]) < 60_000
    assert " 0.0" in path[1]


def test_axis_ticks_are_round_and_few():
    assert Axis(0.0, 16.0).ticks() == [0.0, 5.0, 10.0, 15.0]
    assert Axis(-0.3, 1.1).ticks()[0] == -0.2
    assert len(Axis(0.0, 3600.0).ticks()) <= 8
    assert Axis(0.0, 10.0).percent(20.0) == 100.0


def test_history_page_of_none_one_and_many():
    assert "No tests" in words(history_page("P-1", []))
    tests = fabricated.history()
    text = words(history_page(fabricated.SUBJECT, tests))
    assert "3 valid" in text and "refused: Stopped early" in text
    assert "Change since the first valid test: −1.46 s (2025-10-05)" in text
    assert "1, 1 valid" in words(history_page(fabricated.SUBJECT, tests[:1]))
    assert history_page(fabricated.SUBJECT, tests) == history_page(fabricated.SUBJECT, tests[::-1])
    with pytest.raises(ValueError, match="expected those of 'P-2'"):
        history_page("P-2", tests)


def test_history_plot_of_refused_tests_alone_is_empty():
    refused = EarlierTest("P", "t", NS_PER_S, reason=TrialReason.LEFT_VIEW)
    assert history_plot([refused], 0) == ""


def test_history_has_a_true_date_axis_whiskers_refusals_and_a_band():
    tests = sorted(fabricated.history(), key=lambda test: test.origin_ns)
    page = history_plot(tests, None)
    dots = [float(x) for x in re.findall(r'class="dot" style="left:([\d.]+)%', page)]
    days = [120, 60, 21]
    spans = [(dots[1] - dots[0]) / (days[0] - days[1]), (dots[2] - dots[1]) / (days[1] - days[2])]
    assert spans[0] == pytest.approx(spans[1], rel=0.02)
    assert page.count('class="whisker"') == 3 and page.count('class="refusal"') == 1
    assert 'class="hband"' in page and "smallest published detectable change" in page


def test_tests_of_one_day_do_not_cover_each_other():
    minute_ns = 60 * NS_PER_S
    tests = [
        EarlierTest(
            fabricated.SUBJECT, f"{k}", fabricated.ORIGIN_NS + k * minute_ns, value=11.0 + 0.1 * k
        )
        for k in range(6)
    ]
    month = replace(tests[0], origin_ns=fabricated.ORIGIN_NS - 30 * 86_400 * NS_PER_S)
    plot = history_plot([month, *tests], 6)
    places = [float(p) for p in re.findall(r'class="dot[^"]*" style="left:([\d.]+)%', plot)]
    assert len(places) == 7 and all(b - a >= 2.9 for a, b in itertools.pairwise(places))
    assert max(places) <= 100 and "side by side" in plot
    # Not every figure has room beside its neighbours; the marked one always has.
    assert 2 <= len(re.findall("<b>1[01]", plot)) < 7 and "<b>11.5</b>" in plot


@pytest.mark.parametrize("count", [1, 5, 60])
def test_marks_stay_on_the_axis_and_in_order(count: int):
    places = side_by_side([95.0] * count)
    assert places == sorted(set(places)) and places[0] >= 0 and places[-1] <= 100
    assert side_by_side([]) == [] and side_by_side([1.0, 50.0]) == [1.0, 50.0]


def test_history_links_to_the_reports():
    tests = fabricated.history()
    page = history_page(fabricated.SUBJECT, tests, {tests[0].origin_ns: "reports/a/report.html"})
    assert '<a href="reports/a/report.html">' in page
