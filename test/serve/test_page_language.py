# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import asgi
from support.bedside_stage import BedsideStage, bedside_stage
from support.browser import Browser, browser
from support.pseudo_language import PSEUDO, plain_texts, speaking_pseudo
from support.waiting import wait_for

from thermal_pose.errors import ConfigError
from thermal_pose.serve.server import ServeOptions
from thermal_pose.types import TrialReason

#: All that is shown or spoken on a page, apart from the languages' own names.
SPOKEN = """
return [...document.querySelectorAll("body *")].flatMap((e) =>
  e.closest("script, body [lang], kbd") ? [] : [
  ...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent),
  e.getAttribute("aria-label") ?? "", e.title ?? ""]).filter((text) => text.trim())
"""


@pytest.fixture
def tablet(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as running:
        yield running


def text(page: Browser, element: str) -> str:
    return page.script(f"return document.getElementById('{element}').innerText")


def shown(stage: BedsideStage, tablet: Browser) -> None:
    tablet.driver.get(stage.address)
    wait_for(lambda: stage.hub.n_watchers() > 0, 30.0, "the page")


#: Seconds; the end of the turn is not known well enough.
UNSURE_TURN = (0.05, 0.04, 0.06, 1.9, 0.06, 0.05, 0.04)


def test_a_withheld_duration_is_a_dash_with_its_reason(tmp_path, tablet) -> None:
    with bedside_stage(tmp_path) as stage:
        shown(stage, tablet)
        stage.publish(boundary_sds_s=UNSURE_TURN)
        wait_for(lambda: "Turn" in text(tablet, "result"), 30.0, "the result")
        cells = tablet.script(
            "return [...document.querySelectorAll('.phases div')].map((e) => e.innerText)"
        )
        reasons = tablet.script(
            "return [...document.querySelectorAll('.withheld')].map((e) => e.innerText)"
        )
    dashes = [cell.split()[0] for cell in cells if cell.endswith("—")]
    assert len(dashes) == 2 and "Turn" in dashes
    assert [reason.split(":")[0] for reason in reasons] == [
        cell.rsplit("\n", 1)[0] for cell in cells if cell.endswith("—")
    ]
    why = "Where it begins or ends is uncertain by 1.9 s."
    assert all(reason.endswith(why) for reason in reasons)


def test_no_english_is_left_on_the_running_page(tmp_path, tablet, monkeypatch) -> None:
    with (
        speaking_pseudo(monkeypatch),
        bedside_stage(tmp_path, language=PSEUDO) as stage,
    ):
        shown(stage, tablet)
        stage.graph.refusal = "A test is under way: wait for its result, or press Stop or Repeat."
        tablet.driver.find_element("id", "stop").click()
        unsure = {"boundary_sds_s": UNSURE_TURN}
        for reason, changes in ((TrialReason.STAMP_GAP, {}), (TrialReason.VALID, unsure)):
            stage.publish(reason, **changes)
            stage.show(elapsed_s=0.0)
            wait_for(lambda: text(tablet, "recent"), 30.0, "the list of recent tests")
            wait_for(lambda: text(tablet, "said"), 30.0, "the refusal")
            wait_for(lambda: text(tablet, "view"), 30.0, "the view")
            left = plain_texts(tablet.script(SPOKEN))
            # The browser writes dates; it has no names of months in this language.
            assert [text for text in left if not re.search(r"\d{4}, ", text)] == []
        # A number stays a number, whatever the language.
        assert "11.30" in text(tablet, "result")


def test_the_list_changes_the_language_of_page_history_and_report(tmp_path, tablet) -> None:
    with bedside_stage(tmp_path, language="de") as stage:
        stage.publish(language="de")
        shown(stage, tablet)
        stage.show()
        wait_for(lambda: text(tablet, "phase") == "Sitzend", 30.0, "German")
        assert tablet.script("return document.documentElement.lang") == "de"
        assert text(tablet, "time") == "0,0"
        assert "11,30" in text(tablet, "result")
        assert "Test starten" in text(tablet, "start") and tablet.violations() == []
        tablet.driver.find_element("id", "start").click()
        wait_for(lambda: stage.graph.persons, 30.0, "the start")
        assert stage.graph.persons[-1]["language"] == "de"
        tablet.driver.get(f"{stage.address}history/P-0007")
        assert "Tests im Zeitverlauf" in tablet.script("return document.body.innerText")
        tablet.driver.get(stage.address)
        tablet.script(
            "const list = document.getElementById('language'); list.value = 'en';"
            "list.dispatchEvent(new Event('change'))"
        )
        wait_for(lambda: "Start test" in text(tablet, "start"), 30.0, "English")
        tablet.driver.get(f"{stage.address}history/P-0007")
        assert "Tests over time" in tablet.script("return document.body.innerText")


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({"accept-language": "de-DE,de;q=0.9"}, "de"),
        ({"accept-language": "de-DE", "cookie": "thermal_pose_language=en"}, "en"),
        ({"cookie": "thermal_pose_language=de"}, "de"),
        ({"cookie": "thermal_pose_language=../../etc"}, "en"),
        ({}, "en"),
    ],
)
def test_cookie_then_browser_choose(tmp_path: Path, headers: dict, language: str) -> None:
    stage = BedsideStage(tmp_path)
    page = asgi.ask(stage.server.config.app, "/", headers={"host": "127.0.0.1", **headers})
    assert f'<html lang="{language}">' in page.text


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="--language: expected one of en, de, got 'xx'"):
        ServeOptions(language="xx")
