# SPDX-License-Identifier: Apache-2.0
"""Where models lie: by name in `thermal_pose/assets`, or anywhere by the path of their card."""

from pathlib import Path

from thermal_pose.errors import ModelArtifactError

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def card_path(model: str) -> Path:
    """Return the card of a model given by name ('student') or by the path of its card.

    Raises
    ------
    ModelArtifactError
        There is none; the message lists the names that are shipped.
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
