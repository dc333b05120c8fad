# SPDX-License-Identifier: Apache-2.0
"""Calls a function on many arguments on Ray: this machine's cores, or a cluster's."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from thermal_pose.errors import MissingExtraError, TrainingError

Result = TypeVar("Result")


def map_on_ray(
    function: Callable[..., Result],
    arguments: Sequence[tuple[Any, ...]],
    address: str,
    gpus: float = 0,
    cpus: float = 1,
) -> Iterator[Result]:
    """Yield `function(*a)` of each tuple in `arguments`, in their order.

    Parameters
    ----------
    address : of a Ray cluster; 'local' starts one on this machine.
    gpus, cpus : that one call occupies.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    TrainingError
        There is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("running on Ray", "ray", "train") from error
    if not ray.is_initialized():
        try:
            ray.init(address=None if address == "local" else address, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise TrainingError(f"--ray {address}: no Ray cluster answers: {error}") from error
    task = ray.remote(num_gpus=gpus, num_cpus=cpus)(function)
    waiting = [task.remote(*each) for each in arguments]
    for each in waiting:
        yield ray.get(each)
