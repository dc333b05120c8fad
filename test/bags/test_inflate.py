# SPDX-License-Identifier: Apache-2.0
"""Compression bombs: bounded before anything is inflated, in chunks, messages and whole files."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import lz4.frame
import pytest
from mcap.writer import CompressionType
from support import faults
from support.foreign_bags import IMAGE, START_NS, TOPIC, images, write_bag, write_mcap
from support.foreign_bags import write_metadata as metadata_of

from thermal_pose.bags import inflate as module
from thermal_pose.bags.inflate import InflationError, inflate, inflate_message, zstd
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.errors import BagCorruptError

MIB = 1024 * 1024
MAGIC = b"\x89MCAP0\r\n"


def packed_zeros(compression: str, mib: int, head: bytes = b"") -> bytes:
    """Compressed zeros, made piece by piece."""
    if compression == "zstd":
        packer = zstd.ZstdCompressor()
        pieces = [packer.compress(head), *(packer.compress(bytes(MIB)) for _ in range(mib))]
        return b"".join([*pieces, packer.flush()])
    frame = lz4.frame.LZ4FrameCompressor()
    pieces = [
        frame.begin(),
        frame.compress(head),
        *(frame.compress(bytes(MIB)) for _ in range(mib)),
    ]
    return b"".join([*pieces, frame.flush()])


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + struct.pack("<Q", len(body)) + body


def text(words: str) -> bytes:
    return struct.pack("<I", len(words)) + words.encode()


def bomb(path: Path, compression: str, mib: int, declared: int | None = None) -> Path:
    """A recording with one message of zeros; `declared` is the size that the chunk claims."""
    head = b"\x05" + struct.pack("<Q", 22 + mib * MIB) + struct.pack("<HIQQ", 1, 0, 10, 10)
    data = packed_zeros(compression, mib, head)
    size = declared or len(head) + mib * MIB
    types = record(3, struct.pack("<H", 1) + text(IMAGE) + text("ros2msg") + text(""))
    types += record(4, struct.pack("<HH", 1, 1) + text(TOPIC) + text("cdr") + text(""))
    out = MAGIC + record(1, text("ros2") + text("x")) + types
    start = len(out)
    chunk = struct.pack("<QQQI", 10, 10, size, 0) + text(compression)
    out += record(6, chunk + struct.pack("<Q", len(data)) + data)
    length = len(out) - start
    out += record(15, struct.pack("<I", 0))
    summary = len(out)
    out += types
    one_message = struct.pack("<IHQ", 10, 1, 1)
    out += record(11, struct.pack("<QHIIIIQQ", 1, 1, 1, 0, 0, 1, 10, 10) + one_message)
    index = struct.pack("<QQQQ", 10, 10, start, length)
    index += struct.pack("<IHQ", 10, 1, start + length)
    out += record(8, index + bytes(8) + text(compression) + struct.pack("<QQ", len(data), size))
    out += record(2, struct.pack("<QQI", summary, 0, 0)) + MAGIC
    path.mkdir()
    (path / f"{path.name}_0.mcap").write_bytes(out)
    metadata_of(path, [f"{path.name}_0.mcap"], [(TOPIC, IMAGE, 10, b"")])
    return path


IN_LITTLE_MEMORY = """
import json, resource, sys
from pathlib import Path
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.errors import BagError
before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
said = []
for path, verb in json.loads(sys.argv[1]):
    try:
        if verb == 'read':
            with BagReader(path) as bag:
                said.append(sum(len(m.cdr) for m in bag.raw_messages()))
        else:
            said.append(repair(Path(path)).messages)
    except BagError as error:
        said.append(type(error).__name__)
more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
print(json.dumps([said, more_mib]))
"""


@pytest.mark.faults
def test_bombs_are_refused_and_take_no_memory(tmp_path: Path) -> None:
    """Chunks that declare 1.5 GiB, and chunks that declare 1000 bytes and inflate to as much."""
    tries = [
        (str(bomb(tmp_path / f"{compression}-{declared}-{verb}", compression, mib, declared)), verb)
        for compression in ("zstd", "lz4")
        for mib in [faults.times(few=600, full=1536)]
        for declared in (None, 1000)
        for verb in ("read", "repair")
    ]
    run = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, json.dumps(tries)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said, more_mib = json.loads(run.stdout)
    assert said == ["BagCorruptError"] * len(tries)
    assert more_mib < 100
    faults.record(
        "compression bomb in a recording (up to 1.5 GiB in 6 MB or less), read and repaired",
        len(tries),
        "refused in one sentence, under 100 MiB of memory",
    )


def test_a_message_and_a_file_that_inflate_without_end_are_refused(tmp_path: Path) -> None:
    message = packed_zeros("zstd", 300)
    path = write_bag(tmp_path / "message", [(TOPIC, IMAGE, START_NS, message)])
    with BagReader(path) as bag, pytest.raises(BagCorruptError, match="inflates beyond"):
        list(bag.raw_messages())
    path = tmp_path / "file"
    path.mkdir()
    (path / "file_0.mcap.zstd").write_bytes(packed_zeros("zstd", 300))
    metadata_of(path, ["file_0.mcap.zstd"], images(1), mode="FILE")
    with pytest.raises(BagCorruptError, match=r"inflates to more than 2.. MB"):
        BagReader(path)
    with pytest.raises(BagCorruptError, match=r"inflates to more than 2.. MB"):
        repair(path)


def test_many_chunks_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = images(20)
    how = {"compression": CompressionType.ZSTD, "chunk_bytes": 1 << 14}
    file = write_mcap(tmp_path / "in_turn.mcap", recorded, **how)
    # Each chunk reaches around the next one, so all are held at the same time.
    pairs = zip(recorded[:10], reversed(recorded[10:]), strict=True)
    around = write_mcap(tmp_path / "around.mcap", [m for pair in pairs for m in pair], **how)
    monkeypatch.setattr("thermal_pose.bags.storage.MAX_HELD_BYTES", 60_000)
    with BagReader(file) as bag:
        assert len(list(bag.raw_messages())) == 20
    with pytest.raises(BagCorruptError, match="at the same time"):
        BagReader(around)
    monkeypatch.setattr(module, "_ALWAYS_BYTES", 0)
    monkeypatch.setattr(module, "_MAX_RATIO", 1)
    with pytest.raises(BagCorruptError, match="inflates to more than"):
        BagReader(file)


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_inflating_keeps_to_the_size(compression: str) -> None:
    data = packed_zeros(compression, 1, b"head")
    size = MIB + 4
    assert inflate(data, compression, size) == b"head" + bytes(MIB)
    assert inflate(data, compression, 2 * size, exact=False) == b"head" + bytes(MIB)
    for wrong, sentence in (
        ((data, size - 1), f"beyond its {size - 1} bytes"),
        ((data, size + 1), f"expected {size + 1} bytes, got {size}"),
        ((data[:-8], size), "cut off"),
        ((b"\0" * 40, size), "damaged"),
        ((data, 2**40), "a chunk declares 1099512 MB; at most 268 MB"),
    ):
        with pytest.raises(InflationError, match=sentence):
            inflate(wrong[0], compression, wrong[1])


def test_several_frames_behind_each_other_are_one(tmp_path: Path) -> None:
    data = zstd.compress(b"ab") + zstd.compress(b"cd")
    assert inflate(data, "zstd", 4) == b"abcd"
    (tmp_path / "x.zstd").write_bytes(data)
    assert module.inflate_file(tmp_path / "x.zstd", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"abcd"


def test_unknown_compression_is_named() -> None:
    with pytest.raises(InflationError, match="unknown compression 'bz2': expected zstd or lz4"):
        inflate(b"x", "bz2", 1)
    assert inflate(b"x", "", 1) == b"x"
    assert inflate_message(b"\0\1\0\0data") == b"\0\1\0\0data"


@pytest.mark.faults
def test_damaged_compressed_recordings_are_one_clear_error(tmp_path: Path) -> None:
    """Cut, or 64 zero bytes in the middle: chunks of zstd and lz4, and whole files of zstd."""
    count = faults.times(few=6, full=60)
    kept, unharmed = [], 0
    for number in range(count):
        path = tmp_path / str(number)
        kind = (CompressionType.ZSTD, CompressionType.LZ4, None)[number % 3]
        write_bag(path, images(60), compression=kind or CompressionType.NONE, chunk_bytes=1 << 15)
        file = path / f"{number}_0.mcap"
        if kind is None:
            packed = path / f"{number}_0.mcap.zstd"
            packed.write_bytes(zstd.compress(file.read_bytes()))
            file.unlink()
            metadata_of(path, [packed.name], images(60), mode="FILE")
            file = packed
        data = bytearray(file.read_bytes())
        place = len(data) * (number % 7 + 2) // 10
        if number % 2:
            del data[place:]
        else:
            data[place : place + 64] = bytes(64)
        file.write_bytes(data)
        try:
            with BagReader(path) as bag:
                read = [message.cdr for message in bag.raw_messages()]
        except BagCorruptError as error:
            assert "thermal-pose repair" in str(error)
        else:
            # The damage lies in an index that reading does without.
            assert read == [message[3] for message in images(60)]
            unharmed += 1
        try:
            kept.append(repair(path).messages)
        except BagCorruptError:
            kept.append(0)
            continue
        with BagReader(path) as bag:
            assert len(list(bag.thermal_frames())) == kept[-1]
    assert all(n > 0 for n in kept[::3] + kept[1::3])
    assert unharmed < count / 4
    faults.record(
        "damaged or cut zstd and lz4 (chunks and whole files)",
        count,
        f"refused in one sentence ({unharmed} read in full); repair kept {sum(kept)} of "
        f"{60 * count} messages ({sum(n == 0 for n in kept)} files held not one whole chunk)",
    )
