# SPDX-License-Identifier: Apache-2.0
"""Damages image messages in every field that a receiver relies on."""

import array
import copy
import random
from collections.abc import Iterator

from sensor_msgs.msg import Image

ENCODINGS = ("", "mono8", "16UC1", "64FC1", "bgr8", "rgba16", "mono16; compressed", "\u00fc16")
SIZES = (0, 1, 2, 59, 61, 63, 79, 81, 640, 65535, 2**31 - 1, 2**32 - 1)


def _size(message: Image, rng: random.Random) -> None:
    setattr(message, rng.choice(("width", "height")), rng.choice(SIZES))


def _step(message: Image, rng: random.Random) -> None:
    near = (max(message.step - 1, 0), min(message.step + 1, 2**32 - 1))
    message.step = rng.choice((*SIZES, *near))


def _encoding(message: Image, rng: random.Random) -> None:
    message.encoding = rng.choice(ENCODINGS)


def _endianness(message: Image, rng: random.Random) -> None:
    message.is_bigendian = rng.choice((1, 2, 255))


def _truncate(message: Image, rng: random.Random) -> None:
    message.data = message.data[: rng.randrange(len(message.data))]


def _extend(message: Image, rng: random.Random) -> None:
    message.data = message.data + array.array("B", rng.randbytes(rng.randint(1, 500)))


def _noise(message: Image, rng: random.Random) -> None:
    message.data = array.array("B", rng.randbytes(len(message.data)))


def _flat(message: Image, rng: random.Random) -> None:
    message.data = array.array("B", bytes([rng.choice((0, 255))]) * len(message.data))


def _nan(message: Image, rng: random.Random) -> None:
    message.encoding, message.step = "32FC1", min(message.width * 4, 2**32 - 1)
    # Another mutation may have claimed a size of gigabytes: the data need not follow it.
    pixels = array.array("f", [float("nan")] * min(message.width * message.height, 10_000))
    message.data = array.array("B", pixels.tobytes())


def _stamp(message: Image, rng: random.Random) -> None:
    message.header.stamp.sec = rng.choice((0, 1, 2**31 - 1, -1))


def _frame_id(message: Image, rng: random.Random) -> None:
    message.header.frame_id = rng.choice(("", "x" * 4096, "\u00e4/../b"))


MUTATIONS = (
    _size, _step, _encoding, _endianness, _truncate, _extend, _noise, _flat, _nan, _stamp,
    _frame_id,
)  # fmt: skip


def is_sound(message: Image) -> bool:
    """Whether an image's fields agree with one another (whatever it shows)."""
    return (
        message.encoding in ("mono16", "16UC1")
        and message.header.stamp.sec >= 0
        and message.width > 0
        and message.height > 0
        and message.step >= 2 * message.width
        and len(message.data) == message.step * message.height
    )


def mutated_images(good: Image, count: int, seed: int) -> Iterator[tuple[Image, bool]]:
    """Yield `count` damaged copies and whether each is still a sound image."""
    rng = random.Random(seed)
    for _ in range(count):
        message = copy.deepcopy(good)
        for mutate in rng.choices(MUTATIONS, k=rng.randint(1, 2)):
            if len(message.data):
                mutate(message, rng)
        yield message, is_sound(message)
