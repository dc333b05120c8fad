# SPDX-License-Identifier: Apache-2.0
"""Film of the people in a folder of 16-bit thermal images: overlay_film.py FOLDER FILM.mp4."""

import sys
from pathlib import Path

import cv2

from thermal_pose import Tracker, draw

folder, film_path = sys.argv[1:]
track, film = Tracker(), None
for path in sorted(Path(folder).glob("*.png")):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    picture = draw(image, track(image), span_degc=(18, 36))
    film = film or cv2.VideoWriter(
        film_path, cv2.VideoWriter.fourcc(*"mp4v"), 8, picture.shape[1::-1]
    )
    film.write(picture)
film.release()
