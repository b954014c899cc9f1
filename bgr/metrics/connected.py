"""How far each pixel stays connected to the largest object as the threshold rises.

The connectivity metric thresholds min(pred, true) at 0.1, 0.2, ..., 1 and labels every set. Here pixels
are joined once, from the highest threshold down: sets only grow, so ten labellings cost as much as one.
"""

import numba
import numpy as np
from numpy.typing import NDArray

LEVELS = 10


@numba.njit(cache=True, nogil=True)
def connected_levels(passed: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Number of thresholds up to which each pixel belongs to the largest component.

    Components are 4-connected; of several largest ones the first in row-major order counts. A pixel
    that leaves the largest component at one threshold is out for all higher ones.

    Args:
        passed: number of thresholds (0 to 10) that a pixel reaches, (H, W).

    Returns:
        The number for each pixel, (H, W), and the highest threshold that any pixel reaches.
    """
    height, width = passed.shape
    level_of = passed.ravel()
    count = level_of.size
    parent = np.arange(count, dtype=np.int32)  # towards the root, shortened on the way
    link = np.arange(count, dtype=np.int32)  # the same as it was joined ...
    link_level = np.zeros(count, dtype=np.uint8)  # ... and at which threshold
    size = np.ones(count, dtype=np.int32)
    first = np.arange(count, dtype=np.int32)
    order, starts = _by_level(level_of)
    best = np.full(LEVELS + 1, -1, dtype=np.int32)  # root of the largest component by threshold
    largest = -1
    for level in range(LEVELS, 0, -1):
        for i in range(starts[level], starts[level + 1]):
            p = order[i]
            root = p
            x = p % width
            for dx, dy in ((-1, 0), (0, -1), (1, 0), (0, 1)):
                q = p + dx + dy * width
                if q < 0 or q >= count or x + dx < 0 or x + dx >= width:
                    continue
                if level_of[q] < level or (level_of[q] == level and q > p):
                    continue  # not there yet
                other = q
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = parent[other]
                if other == root:
                    continue
                if size[other] > size[root]:
                    root, other = other, root
                parent[other] = link[other] = root
                link_level[other] = level
                size[root] += size[other]
                first[root] = min(first[root], first[other])
            if (
                largest < 0
                or size[root] > size[largest]
                or (size[root] == size[largest] and first[root] < first[largest])
            ):
                largest = root
        best[level] = largest
    nested = 0  # thresholds up to which the largest component lies in the one below
    while nested < LEVELS and best[nested + 1] >= 0:
        node = best[nested + 1]
        while link_level[node] >= nested and link[node] != node and nested > 0:
            node = link[node]
        if nested > 0 and node != best[nested]:
            break
        nested += 1
    levels = np.zeros(count, dtype=np.uint8)
    for i in range(starts[1], count):
        node = order[i]
        p = node
        for level in range(min(nested, level_of[p]), 0, -1):
            while link[node] != node and link_level[node] >= level:
                node = link[node]
            if node == best[level]:
                levels[p] = level
                break
    top = 0
    for level in range(1, LEVELS + 1):
        if best[level] >= 0:
            top = level
    return levels.reshape(height, width), top


@numba.njit(cache=True, nogil=True)
def _by_level(level_of: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Pixels sorted by level, in row-major order within one, and where each level starts."""
    starts = np.zeros(LEVELS + 2, dtype=np.int64)
    for p in range(level_of.size):
        starts[level_of[p] + 1] += 1
    for level in range(1, LEVELS + 2):
        starts[level] += starts[level - 1]
    order = np.empty(level_of.size, dtype=np.int32)
    place = starts.copy()
    for p in range(level_of.size):
        order[place[level_of[p]]] = p
        place[level_of[p]] += 1
    return order, starts
