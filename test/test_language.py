# SPDX-License-Identifier: Apache-2.0
import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support import fabricated_results as fabricated
from support import rises as stick
from support.pseudo_language import FOREIGN, PSEUDO, speaking_pseudo, spoken, untranslated

import thermal_pose
from thermal_pose.clinical.catalogue import DETECTED, MOVEMENT_TESTS
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.phases import PHASE_NAMES
from thermal_pose.clinical.records import Visit
from thermal_pose.gates.reasons import REMEDIES
from thermal_pose.language import catalogue, numerals, preferred, say, speaking, translated
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.report.film import build_film
from thermal_pose.report.history import history_page
from thermal_pose.report.page import trial_page
from thermal_pose.report.text import ADVICE, REASON_NAMES
from thermal_pose.serve import templates
from thermal_pose.types import TrialReason


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with speaking_pseudo(monkeypatch):
        yield


def code_of(*folders: str) -> Iterator[ast.AST]:
    root = Path(thermal_pose.__file__).parent
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def sample(node: ast.AST) -> str | None:
    """A text or a text with figures, each figure being 7; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "7" for part in node.values
        )
    return None


def called(name: str, *folders: str) -> Iterator[ast.Call]:
    for node in code_of(*folders):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
            yield node


def plain(texts: Iterable[str]) -> list[str]:
    """Those that the pseudo language does not know."""
    return [text for text in texts if re.search("[A-Za-z]{3}", say(text))]


@pytest.mark.parametrize("code", FOREIGN)
def test_every_language_translates_the_same_texts_with_the_same_fields(code: str) -> None:
    first, own = catalogue(FOREIGN[0]), catalogue(code)
    assert own.keys() == first.keys()
    for key, value in own.items():
        assert value.strip(), key
        assert set(re.findall(r"\{(\w+)\}", value)) == set(re.findall(r"\{(\w+)\}", key)), key


@pytest.mark.parametrize("code", FOREIGN)
def test_a_catalogue_has_each_text_once_and_in_order(code: str) -> None:
    file = Path(thermal_pose.__file__).parent / "locale" / f"{code}.json"
    pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert keys == sorted(set(keys), key=lambda key: (key.lower(), key))


def test_every_text_of_the_code_is_in_the_catalogue() -> None:
    said = {
        call.args[0].value
        for call in called("say", "report", "serve")
        if isinstance(call.args[0], ast.Constant)
    }
    assert len(said) > 100 and said - catalogue(FOREIGN[0]).keys() - {""} == set()


def test_reasons_phases_advice_and_remedies_are_translated(pseudo) -> None:
    texts = [*REASON_NAMES.values(), *PHASE_NAMES.values(), *ADVICE.values(), *REMEDIES.values()]
    for test in (*MOVEMENT_TESTS.values(), DETECTED):
        texts += [test.title, test.placement, *test.instructions]
    assert plain(texts) == []


def test_every_sentence_of_a_refusal_is_translated(pseudo) -> None:
    sentences = [
        sample(call.args[1])
        for name, folder in (("Verdict", "clinical"), ("Finding", "gates"))
        for call in called(name, folder)
        if len(call.args) > 1 and sample(call.args[1])
    ]
    assert len(sentences) > 40
    # Two sentences get whole words as figures.
    texts = [
        text.replace("The image is 7.", "The image is upside down.")
        .replace("The 7 7 of 7 rows", "The first 7 of 7 rows")
        .replace("set 7 by", "set back by")
        .replace("another7", "another")
        for text in sentences
    ]
    assert plain(texts) == []


def test_every_measure_and_its_omission_is_translated(pseudo) -> None:
    texts = [
        text
        for node in code_of("clinical")
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MEASURES
        for argument in [*node.args[1:], *(key.value for key in node.keywords)]
        if (text := sample(argument)) and re.search("[A-Z][a-z]+ |[A-Z][a-z]+$", text)
    ]
    assert len(texts) > 25
    ways = [text.replace(", walk 7", f", walk {way}") for text in texts for way in ("out", "back")]
    assert plain(ways) == []


#: Functions that make a measure from a name, a label and a reason.
MEASURES = {"Measure", "_value", "_mean", "_longest", "_direction"}


def trials() -> Iterator[tuple[str, str]]:
    """Pages of trials of every test and outcome; made when called, in the language in use."""
    film = build_film(fabricated.result(), fabricated.frames(), fabricated.keypoints())
    yield "valid", trial_page(fabricated.result(), film, fabricated.history())
    yield "refused", trial_page(fabricated.result(reason=TrialReason.PAUSED), film)
    exact = fabricated.timing()
    visit = Visit("female", "rollator", "46 cm", "KB", "Europe/Berlin")
    yield "simulated", trial_page(fabricated.result(truth=exact, visit=visit), None)
    for reason in TrialReason:
        if reason is not TrialReason.VALID:
            result = fabricated.result(reason=reason, sentence="The seated person never stood up.")
            yield str(reason), trial_page(result, None)
    for key, rises in (("five_times_sit_to_stand", 5), ("chair_stand_30s", 13)):
        for n_rises in (rises, 2):
            course = ChairRiseCourse(test=MOVEMENT_TESTS[key])
            for frame in stick.frames(stick.even_rises(n_rises), 3.0 * n_rises + 5.0):
                course.update(frame)
            yield f"{key} {n_rises}", trial_page(course.finish(), None)


def test_no_english_stays_on_a_report(pseudo) -> None:
    left = {name: untranslated(page) for name, page in trials()}
    assert {name: texts for name, texts in left.items() if texts} == {}


def test_german_numbers_have_a_comma_and_dates_their_points() -> None:
    with speaking("de"):
        pages = dict(trials()) | {"history": history_page(fabricated.SUBJECT, fabricated.history())}
    left = {}
    for name, page in pages.items():
        # Versions and parameters are written as in files; what a source is called stays.
        shown = page.split('id="provenance"')[0]
        texts = [text for text in spoken(shown) if "UTC" not in text and "CET" not in text]
        dates = re.compile(r"\d\d\.\d\d\.\d{4}")
        left[name] = [t for t in texts if re.search(r"\d\.\d|\d{4}-\d\d", dates.sub("", t))]
    assert {name: texts for name, texts in left.items() if texts} == {}
    assert ">11,30<small>" in pages["valid"] and "12.01.2026" in pages["history"]


def test_numbers_follow_the_language_in_finished_sentences_too() -> None:
    sentence = "The recording has a gap of 0.9 s within the test; at most 0.5 s can be bridged."
    with speaking("de"):
        assert "0,9 s" in say(sentence) and "0,5 s" in say(sentence)
        words = "Ages {ages}: more than {limit} s is slower than average ({source})."
        assert "mehr als 12,6 s" in say(words, ages="70-79", limit="12.6", source="X")
        assert numerals("version 0.2.0, 80x60, 1.50") == "version 0.2.0, 80x60, 1,50"
    assert numerals("1.50") == "1.50"


def test_no_english_stays_in_a_history(pseudo) -> None:
    sentence = "The recording has a gap of 0.9 s within the test; at most 0.5 s can be bridged."
    refused = EarlierTest(
        fabricated.SUBJECT, "visit-9", fabricated.ORIGIN_NS, reason=TrialReason.STAMP_GAP,
        sentence=sentence,
    )  # fmt: skip
    page = history_page(fabricated.SUBJECT, [*fabricated.history(), refused])
    assert untranslated(page) == []
    assert untranslated(history_page(fabricated.SUBJECT, [])) == []


@pytest.mark.parametrize("name", ["page.html", "login.html"])
def test_no_english_stays_on_the_bedside_page(pseudo, name: str) -> None:
    page = templates.page_text(name, PSEUDO)
    assert untranslated(page) == [] and f'<html lang="{PSEUDO}">' in page
    assert "{{" not in page and not re.search(r"\$(?!kind)", page)


def test_every_sentence_of_the_page_is_translated(pseudo) -> None:
    """What the scripts say, what the server answers, and what it says of the view."""
    root = Path(thermal_pose.__file__).parent / "serve"
    script, login = ((root / "static" / name).read_text() for name in ("page.js", "login.js"))
    texts = re.findall(r'(?:say|tell|link)\((?:"o\w+", )?"([^"]+)"\)', script + login)
    texts += PHASE_NAMES.values()
    for function in ("ViewFinding", "PlainTextResponse", "ValueError"):
        for call in called(function, "serve"):
            texts += [text for argument in call.args if (text := sample(argument)) and " " in text]
    assert len(texts) > 45
    # Which choices and values there are depends on the field.
    assert plain([re.sub(r"7 (?=fields)", "", text) for text in texts]) == []


def test_the_replay_script_gets_its_words(pseudo) -> None:
    _, page = next(trials())
    data = json.loads(re.search(r'id="film-data">(.*?)</script>', page)[1])
    texts = [re.sub(r"\{\w+\}", "", text) for text in (*data["words"].values(), *data["names"])]
    assert len(data["words"]) == 4 and not any(re.search("[A-Za-z]{3}", text) for text in texts)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("A person was seen in 3 of 40 frames.", "Eine Person war in 3 von 40 Bildern zu sehen."),
        ("The image is upside down.", "Das Bild steht auf dem Kopf."),
        (
            "4 of 90 images could not be used. 4 of 60 rows are damaged. Check the cable and the "
            "bandwidth of the bus.",
            "4 von 90 Bildern waren nicht brauchbar. 4 von 60 Zeilen sind beschädigt. Das Kabel "
            "und die Bandbreite des Busses prüfen.",
        ),
        ("1.2 s walking out", "1,2 s auf dem Hinweg"),
        ("Nothing of the kind.", "Nothing of the kind."),
        ("", ""),
    ],
)
def test_a_finished_sentence_is_recognised(english: str, german: str) -> None:
    assert translated(english, "de") == german
    with speaking("de"):
        assert say(english) == german
    assert say(english) == english


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB,de;q=0.5", "en"), ("fr,de;q=0.1", "de"),
        ("fr", "en"), ("", "en"), ("de;q=nonsense,en", "en"), ("*", "en"),
    ],
)  # fmt: skip
def test_the_browser_chooses_the_language(header: str, code: str) -> None:
    assert preferred(header) == code


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ValueError, match="expected one of en, de"):
        catalogue("xx")
