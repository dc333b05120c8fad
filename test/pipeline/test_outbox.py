# SPDX-License-Identifier: Apache-2.0
from thermal_pose.errors import StorageError
from thermal_pose.pipeline.outbox import KEPT, Outbox


class Disk:
    """A place to write that can be full."""

    def __init__(self):
        self.full = False
        self.written = []

    def write(self, item):
        if self.full:
            raise StorageError("cannot write: No space left on device")
        self.written.append(item)


def test_what_can_be_written_does_not_wait():
    disk = Disk()
    outbox = Outbox(disk.write)
    assert outbox.put(1) and outbox.waiting == 0 and outbox.error == ""


def test_what_waits_is_written_in_order_once_there_is_room():
    disk = Disk()
    outbox = Outbox(disk.write)
    disk.full = True
    assert not outbox.put(1) and not outbox.put(2) and not outbox.retry()
    assert outbox.waiting == 2 and "No space left" in outbox.error
    disk.full = False
    assert outbox.put(3)
    assert disk.written == [1, 2, 3] and outbox.waiting == 0 and outbox.error == ""


def test_beyond_its_capacity_the_oldest_is_dropped_and_counted():
    disk = Disk()
    outbox = Outbox(disk.write)
    disk.full = True
    for number in range(KEPT + 3):
        outbox.put(number)
    assert (outbox.waiting, outbox.lost) == (KEPT, 3)
    disk.full = False
    assert outbox.retry()
    assert disk.written == list(range(3, KEPT + 3))
