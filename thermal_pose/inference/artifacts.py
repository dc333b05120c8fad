# SPDX-License-Identifier: Apache-2.0
"""Find a model by name or path, and load its card.

A model is a file with a JSON card beside it; shipped models lie in `thermal_pose/assets`.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.files import write_whole

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def card_path(model: str) -> Path:
    """Return the path of a card, given a shipped model's name ('student') or the card's path.

    Raises
    ------
    ModelArtifactError
        No such card exists; the message lists the shipped models.
    """
    if not model:
        raise ModelArtifactError("no model named: expected a name or the path of a card")
    path = Path(model).expanduser()
    if path.suffix != ".json":
        path = ASSETS / f"{model}.json" if path.name == model else path.with_suffix(".json")
    if not path.is_file():
        shipped = ", ".join(sorted(card.stem for card in ASSETS.glob("*.json"))) or "none"
        raise ModelArtifactError(f"{path}: no such model card; shipped models: {shipped}")
    return path


class CardFile:
    """Base of the cards of all models; a card is a dataclass that derives from this class."""

    name: str
    file: str
    sha256: str

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the sha256, as in messages."""
        return f"{self.name}-{self.sha256[:12]}"

    def save(self, path: Path) -> None:
        """Write the card as JSON; StorageError if that fails."""
        write_whole(path, self.to_json())

    def to_json(self) -> str:
        """Return the content of the card's file."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"  # type: ignore[call-overload]


Card = TypeVar("Card", bound=CardFile)


def load_checked(path: Path, kind: str, build: Callable[[dict[str, Any]], Card]) -> Card:
    """Read a JSON card and verify the model file that it names.

    Parameters
    ----------
    kind : what the card describes, for error messages: 'model card'.
    build : makes the card from its JSON object; may raise ValueError, KeyError or TypeError.

    Raises
    ------
    ModelArtifactError
        The card or the model file is missing, the card is malformed, or the model's SHA-256
        differs from the card's.
    """
    try:
        card = build(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelArtifactError(f"{path}: cannot read the {kind}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{path}: not a {kind}: {error}") from error
    model = path.parent / card.file
    if not model.is_file():
        raise ModelArtifactError(f"{model}: the model named by {path.name} is missing")
    actual = sha256_of(model)
    if actual != card.sha256:
        raise ModelArtifactError(
            f"{model}: altered: its sha256 is {actual[:12]}..., but its card expects "
            f"{card.sha256[:12]}..."
        )
    return card
