# SPDX-License-Identifier: Apache-2.0
"""Switches of everyday life in the training stream, each with its physical reason."""

from dataclasses import dataclass, field, fields
from typing import Any, Final


def _switch(reason: str) -> Any:
    """A switch that is on, with the reason why real life needs it."""
    return field(default=True, metadata={"reason": reason})


@dataclass(frozen=True)
class LifeOptions:
    """Contents of clips of everyday life.

    A switch that is off changes nothing that the others draw. `LIFE_REASONS` holds the reasons, and
    the table in `docs/simulated-clinic.md` the bounds.
    """

    arms: bool = _switch("people fold, raise and stretch their arms; patients in a ward seldom do")
    trunk: bool = _switch("people who exercise or pick things up bow, tilt and twist")
    legs: bool = _switch("legs are astride, raised, crossed or bent in exercise")
    folds: bool = _switch("cloth on the skin is up to 3 K warmer than cloth that stands off it")
    hems: bool = _switch("hems and cuffs are double cloth, up to 2.5 K colder")
    layers: bool = _switch("coats are nearly as cold as the air, thin clothes as warm as skin")
    heads: bool = _switch("hats, buns and long hair hide the shape of a head")
    face_wear: bool = _switch("glasses and masks are colder than the face that they cover")
    bare_skin: bool = _switch("bare arms, legs and feet are warmer than cloth, cold hands colder")
    hot_rooms: bool = _switch("in a quarter of the rooms, at 27 to 33.5 degC, walls match clothes")
    heat: bool = _switch(
        "in a quarter of the hot rooms, at 36 to 39.5 degC, people are colder than the walls"
    )
    cameras: bool = _switch("cameras on tables, walls and ceilings see other proportions")
    structure: bool = _switch("walls with pipes, shelves or sun differ by several kelvin")
    lures: bool = _switch("dogs, lamps, radiators and warm glass are as warm as people")
    dogs: bool = _switch("in every seventh room a dog sits with a person and is as warm")
    cut_off: bool = _switch("rooms are small: the image border cuts off a quarter of the people")
    touching: bool = _switch("carers help: half of the pairs are within reach of each other")
    contact: bool = _switch("carers hold and support: in half of these pairs, a hand is on an arm")


#: Everything that everyday life contains.
WHOLE_LIFE: Final = LifeOptions()
#: Switch -> why real life needs it.
LIFE_REASONS: Final[dict[str, str]] = {
    each.name: str(each.metadata["reason"]) for each in fields(LifeOptions)
}
