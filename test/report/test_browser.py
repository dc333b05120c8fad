# SPDX-License-Identifier: Apache-2.0
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_results as fabricated
from support.browser import Browser, browser

from thermal_pose.report.history import write_history
from thermal_pose.report.write import write_report
from thermal_pose.types import TrialReason

pytestmark = pytest.mark.browser

PAGES = ("valid", "refused", "history")
RIGHT, LEFT, HOME, END, SPACE, TAB = "\ue014", "\ue012", "\ue011", "\ue010", " ", "\ue004"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    frames, keypoints = fabricated.frames(), fabricated.keypoints()
    valid = fabricated.result(truth=fabricated.timing(), go_s=1.9)
    sentence = "The person stood up but did not come back."
    refused = fabricated.result(reason=TrialReason.STOPPED_EARLY, sentence=sentence)
    long_name = "visit-" + "x" * 80
    made = {
        "valid": write_report(valid, frames, keypoints, folder / "v", fabricated.history()).html,
        "refused": write_report(
            replace(refused, trial_id=long_name), frames, keypoints, folder / "r"
        ).html,
    }
    made["history"] = write_history(
        folder / "history.html", fabricated.SUBJECT, fabricated.history()
    )
    return made


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


def wait_for(condition: Callable[[], object], what: str, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.02)


def index(chromium: Browser) -> int:
    return int(chromium.script("return document.getElementById('player').dataset.index"))


def text(chromium: Browser, element: str) -> str:
    return chromium.script(f"return document.getElementById('{element}').textContent")


def click(chromium: Browser, element: str) -> None:
    chromium.script(f"document.getElementById('{element}').click()")


def picture(chromium: Browser) -> str:
    return chromium.script("return document.getElementById('film').toDataURL()")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_loads_without_errors_requests_or_overflow(chromium, pages, name, width, scheme):
    chromium.open(pages[name], width, scheme=scheme)
    own = pages[name].as_uri()
    assert [url for url in chromium.requests() if url != own and not url.startswith("data:")] == []
    assert chromium.console() == []
    size = chromium.script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert size == [width, width]


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_every_table_without_scrolling_sideways(chromium, pages, name):
    chromium.open(pages[name], 360)
    chromium.script("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide = chromium.script(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    )
    assert wide == []
    outside = chromium.script(
        "return [...document.querySelectorAll('td')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.textContent)"
    )
    assert outside == []


def test_a_phone_names_each_value_of_a_phase(chromium, pages):
    chromium.open(pages["valid"], 360)
    labels = chromium.script(
        "return [...document.querySelectorAll('#phases tbody tr:first-child td')]"
        ".map(e => getComputedStyle(e, '::before').content)"
    )
    heads = chromium.script(
        "return [...document.querySelectorAll('#phases thead th')].map(e => e.textContent)"
    )
    assert len(heads) == 8 and labels == [f'"{name}"' for name in heads[1:]]


def test_the_replay_steps_and_shows_each_frame_and_phase(chromium, pages):
    chromium.open(pages["valid"])
    assert index(chromium) == 0
    assert text(chromium, "film-phase") == "Seated"
    first = picture(chromium)
    click(chromium, "film-next")
    assert index(chromium) == 1 and picture(chromium) != first
    click(chromium, "film-back")
    click(chromium, "film-back")
    assert index(chromium) == 0 and picture(chromium) == first
    chromium.script(
        "const s = document.getElementById('film-slider'); s.value = 40;"
        "s.dispatchEvent(new Event('input'))"
    )
    assert index(chromium) == 40
    assert "frame 41 of" in text(chromium, "film-time")
    with_skeleton = picture(chromium)
    click(chromium, "film-skeleton")
    assert picture(chromium) != with_skeleton


def test_jumps_go_to_the_start_of_each_phase(chromium, pages):
    chromium.open(pages["valid"])
    names = chromium.script(
        "return [...document.querySelectorAll('.jump')].map(j => {"
        "j.click(); return [j.textContent, document.getElementById('film-phase').textContent]})"
    )
    assert len(names) == 6
    assert all(label == shown for label, shown in names)


def test_a_click_on_a_signal_moves_the_film_and_its_cursor(chromium, pages):
    chromium.open(pages["valid"])
    chromium.script(
        "const plot = document.querySelectorAll('.plot')[1], box = plot.getBoundingClientRect();"
        "plot.dispatchEvent(new MouseEvent('click', {clientX: box.left + box.width / 2}))"
    )
    last = int(chromium.script("return document.getElementById('film-slider').max"))
    assert abs(index(chromium) - last / 2) <= 2
    left = chromium.script("return document.querySelector('.plot .cursor').style.left")
    assert abs(float(left.rstrip("%")) - 50) < 2


def test_plays_in_real_time_to_the_end_and_starts_again(chromium, pages):
    chromium.open(pages["valid"])
    click(chromium, "film-play")
    assert text(chromium, "film-play") == "Pause"
    wait_for(lambda: index(chromium) >= 3, "the film to move")
    click(chromium, "film-play")
    paused = index(chromium)
    assert text(chromium, "film-play") == "Play"
    chromium.script("document.getElementById('film-speed').value = '2'")
    last = int(chromium.script("return document.getElementById('film-slider').max"))
    chromium.script(
        f"const s = document.getElementById('film-slider'); s.value = {last - 4};"
        "s.dispatchEvent(new Event('input'))"
    )
    assert paused < last
    click(chromium, "film-play")
    wait_for(lambda: index(chromium) == last, "the end of the film")
    wait_for(lambda: text(chromium, "film-play") == "Play", "the film to stop by itself")
    click(chromium, "film-play")
    wait_for(lambda: index(chromium) < last, "the film to start again")
    click(chromium, "film-play")


def test_the_keyboard_alone_drives_the_replay(chromium, pages):
    chromium.open(pages["valid"])
    chromium.script("document.getElementById('film-slider').focus()")
    last = int(chromium.script("return document.getElementById('film-slider').max"))
    chromium.press(RIGHT, RIGHT, RIGHT)
    assert index(chromium) == 3
    chromium.press(LEFT)
    assert index(chromium) == 2
    chromium.press(END)
    assert index(chromium) == last
    chromium.press(HOME)
    assert index(chromium) == 0
    chromium.press(SPACE)
    wait_for(lambda: index(chromium) > 0, "the space bar to play")
    chromium.press(SPACE)
    assert text(chromium, "film-play") == "Play"
    value = chromium.script(
        "return document.getElementById('film-slider').getAttribute('aria-valuetext')"
    )
    assert re.fullmatch(r"-?\d+\.\d\d seconds, [A-Z][a-z ]+", value)


def test_tab_reaches_every_control_and_shows_the_focus(chromium, pages):
    chromium.open(pages["valid"])
    reached, outlined = [], []
    for _ in range(40):
        chromium.press(TAB)
        name, outline = chromium.script(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.id || e.className || e.tagName, s.outlineStyle + ' ' + s.outlineWidth]"
        )
        if name == "BODY":
            break
        reached.append(name)
        outlined.append(outline)
    assert reached[0] == "skip"
    controls = {"film", "film-slider", "film-back", "film-play", "film-next", "film-speed"}
    assert controls | {"film-skeleton", "jump", "scroll", "SUMMARY"} <= set(reached)
    assert all(outline.startswith("solid 3px") for outline in outlined)


def test_every_control_and_picture_has_a_name(chromium, pages):
    for page in pages.values():
        chromium.open(page)
        nameless = chromium.script(
            "return [...document.querySelectorAll('button,input,select,canvas,[role=img],img,"
            "[role=region]')].filter(e => !(e.ariaLabel || e.alt || (e.labels && e.labels.length)"
            "|| e.textContent.trim())).map(e => e.outerHTML.slice(0, 120))"
        )
        assert nameless == []
        assert chromium.script("return document.querySelectorAll('main,header,footer').length") == 3
        assert chromium.script("return document.querySelectorAll('h1').length") == 1


CONTRAST = """
const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
  return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
const bad = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || ['SCRIPT', 'STYLE', 'OPTION', 'NOSCRIPT'].includes(e.tagName)) continue;
  if (!e.checkVisibility()) continue;
  // A label that hangs beside its mark lies on what the mark lies on.
  const hangs = getComputedStyle(e).position === 'absolute' && e.offsetParent !== document.body;
  const under = hangs ? e.offsetParent.parentElement : e;
  const a = light(parse(getComputedStyle(e).color)), b = light(ground(under));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.push([ratio.toFixed(2), e.className, walker.currentNode.data.slice(0, 40)]);
}
return bad;
"""  # noqa: E501


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_all_text_has_the_contrast_of_wcag_aa(chromium, pages, name, scheme):
    chromium.open(pages[name], scheme=scheme)
    assert chromium.script(CONTRAST) == []


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(chromium, pages, name):
    chromium.open(pages[name])
    chromium.script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert chromium.violations() == []


def test_print_is_a4_without_the_player(chromium, pages):
    chromium.open(pages["valid"], scheme="dark")
    chromium.media("print", "dark")
    assert chromium.script("return document.getElementById('replay').checkVisibility()") is False
    assert chromium.script("return document.getElementById('key-frames').checkVisibility()")
    # Dark screens print on white paper.
    assert chromium.script("return getComputedStyle(document.body).color") == "rgb(22, 33, 43)"
    chromium.media("")
    content = chromium.pdf()
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content))
    assert [(round(float(w)), round(float(h))) for w, h in sizes] in ([(595, 842)], [(596, 842)])
    assert len(re.findall(rb"/Type /Page\b", content)) == 1


def test_works_without_scripts(chromium, pages):
    chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.driver.get(pages["valid"].as_uri())
        body = chromium.driver.find_element("tag name", "body").text
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "11.30 s" in body and "Key frames" in body
    assert "The replay needs JavaScript" in body
