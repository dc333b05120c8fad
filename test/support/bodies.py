# SPDX-License-Identifier: Apache-2.0
"""Bodies of the library that several tests share, from `test/data/bodies`."""

from functools import cache

from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes


@cache
def body(index=0):
    """A body of the library; the one of index 0 is a woman, of index 1 a man."""
    return bake_body(library_shapes(index + 1)[index])
