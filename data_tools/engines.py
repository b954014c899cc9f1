"""Where a tool's items are worked on: in this process, in a pool, or on a Ray cluster."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from bgr.errors import BgrError
from bgr.processes import ignore_signals

T = TypeVar("T")
R = TypeVar("R")

WAITING = 4  # items handed out ahead, per worker


def results(
    function: Callable[[T], R], items: Sequence[T], engine: str, workers: int
) -> Iterator[R]:
    """Results of a function over items, as they finish.

    Args:
        function: picklable, as are its results.
        items: what it is called with.
        engine: `local`, or `ray` for all nodes of the cluster that RAY_ADDRESS names (a cluster of
            this machine alone where it names none).
        workers: processes of the local engine; 1 stays in this one. On Ray the cluster decides.

    Raises:
        BgrError: a worker process died, or Ray is not installed.
    """
    if engine == "ray":
        return _on_ray(function, items)
    if workers <= 1 or len(items) <= 1:
        return map(function, items)
    return _in_pool(function, items, min(workers, len(items)))


def _in_pool(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    queue = iter(items)
    pool = ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin_worker, initargs=(os.getpid(),)
    )
    try:
        running: dict[Future[R], T] = {}
        while True:
            for item in islice(queue, workers * WAITING - len(running)):
                running[pool.submit(function, item)] = item
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    suspects = ", ".join(str(getattr(i, "name", i)) for i in running.values())
                    raise BgrError(
                        f"a worker process died while these were being worked on: {suspects}",
                        "enough memory for every worker",
                        "start again with fewer --workers; what is done stays done",
                    ) from error
                del running[future]
                yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker(parent: int) -> None:
    """Leave signals to the parent, and end with it, even when it is killed."""
    ignore_signals()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    try:
        import ray
    except ImportError as error:
        raise BgrError(
            "--engine ray needs the package ray", "the extra bgr[ray]", "pip install 'bgr[ray]'"
        ) from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="warning")

    @ray.remote  # type: ignore[untyped-decorator]
    def remote(item: T) -> R:
        return function(item)

    queue = iter(items)
    running: list[ray.ObjectRef[R]] = []
    while True:
        ahead = WAITING * int(ray.cluster_resources().get("CPU", 1))
        running += [remote.remote(item) for item in islice(queue, max(0, ahead - len(running)))]
        if not running:
            return
        done, running = ray.wait(running)
        try:
            results = ray.get(done)
        except ray.exceptions.RayError as error:
            raise BgrError(
                f"Ray could not work on an item: {str(error).strip().splitlines()[-1]}",
                "every node sees the same files, with bgr installed",
                "start again; what is done stays done",
            ) from error
        yield from results
