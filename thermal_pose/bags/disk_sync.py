# SPDX-License-Identifier: Apache-2.0
"""Flushes an open file to the disk every second, beside the thread that writes it."""

import os
import threading
import time


class DiskSync:
    """Flushes a file to the disk at a fixed interval while it has new content.

    A slow card may take a second to flush. The writing thread must not wait for that, or it loses
    images; an error of the disk is raised to it at its next request.

    Parameters
    ----------
    handle : descriptor of the open file.
    interval_s : least time between two flushes, in seconds; 0: never flush.
    """

    def __init__(self, handle: int, interval_s: float) -> None:
        self._handle = handle
        self._interval_s = interval_s
        self._new = False
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def request(self) -> None:
        """Note new content.

        Raises
        ------
        OSError
            An earlier flush failed.
        """
        if self._error is not None:
            raise self._error
        if self._interval_s <= 0:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="disk sync", daemon=True)
            self._thread.start()
        self._new = True
        self._wanted.set()

    def stop(self) -> None:
        """End the thread before the file is closed; `OSError` if a flush failed."""
        self.abandon()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """End the thread, whatever happened."""
        self._stopped.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait()
            self._wanted.clear()
            if not self._new:
                return  # stopped
            self._new = False
            begin_s = time.monotonic()
            try:
                os.fdatasync(self._handle)
            except OSError as error:
                self._error = error
                return
            self._stopped.wait(self._interval_s - (time.monotonic() - begin_s))
