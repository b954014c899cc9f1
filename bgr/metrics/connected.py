"""The connectivity error of one image.

Thresholding min(pred, true) at 0.1, 0.2, ..., 1 and labelling every set costs ten labellings. Here pixels
are joined once, from the highest threshold down: the sets only grow, so one union-find serves them all.
"""

import numba
import numpy as np
from numpy.typing import NDArray

LEVELS = 10
LOOSE = np.float32(0.15)  # distances below count as connected

Matte = NDArray[np.float32]


@numba.njit(cache=True, nogil=True)
def connectivity_error(
    pred: Matte,
    true: Matte,
    lower: NDArray[np.floating],
    thresholds: NDArray[np.floating],
    skip: bool,
) -> Matte:
    """Difference of two mattes' degrees of connectedness by pixel.

    Components are 4-connected; of several largest ones the first in row-major order counts. A pixel
    that leaves the largest component at one threshold is out for all higher ones.

    Args:
        pred: predicted matte, (H, W) in [0, 1], C-contiguous.
        true: true matte.
        lower: their minimum, in the dtype in which thresholds are compared.
        thresholds: ten rising thresholds, of the same dtype.
        skip: whether pixels left when a set is empty count as connected throughout.

    Returns:
        (H, W), not negative.
    """
    height, width = pred.shape
    level_of = _levels(lower.ravel(), thresholds)
    levels, top = _connected(level_of, width)
    error = np.empty(height * width, dtype=np.float32)
    p, t = pred.ravel(), true.ravel()
    steps = np.empty(LEVELS + 1, dtype=np.float32)
    for level in range(LEVELS + 1):
        steps[level] = level * 0.1
    for i in range(height * width):
        level = levels[i]
        last = steps[LEVELS] if skip and level == top else steps[level]
        loose_p, loose_t = p[i] - last, t[i] - last
        degree_p = 1 - loose_p if loose_p >= LOOSE else np.float32(1)
        degree_t = 1 - loose_t if loose_t >= LOOSE else np.float32(1)
        error[i] = abs(degree_p - degree_t)
    return error.reshape(height, width)


@numba.njit(cache=True, nogil=True)
def _levels(values: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Number of thresholds that each value reaches."""
    level_of = np.empty(values.size, dtype=np.uint8)
    for i in range(values.size):
        value = values[i]
        level = min(int(value * LEVELS), LEVELS - 1)  # right but for rounding
        if level > 0 and value < thresholds[level - 1]:
            level -= 1
        elif value >= thresholds[level]:
            level += 1
        level_of[i] = level
    return level_of


@numba.njit(cache=True, nogil=True)
def _connected(level_of: NDArray[np.uint8], width: int) -> tuple[NDArray[np.uint8], int]:
    """Thresholds up to which each pixel is in the largest component, and the highest one reached."""
    count = level_of.size
    parent = np.empty(count, dtype=np.int32)  # towards the root, shortened on the way
    link = np.empty(count, dtype=np.int32)  # the same as it was joined ...
    link_level = np.empty(count, dtype=np.uint8)  # ... and at which threshold
    size = np.empty(count, dtype=np.int32)
    first = np.empty(count, dtype=np.int32)
    order, starts = _by_level(level_of)
    best = np.full(LEVELS + 1, -1, dtype=np.int32)  # root of the largest component by threshold
    largest, top = -1, 0
    for level in range(LEVELS, 0, -1):
        for i in range(starts[level], starts[level + 1]):
            p = order[i]
            root = p
            parent[p] = link[p] = first[p] = p
            link_level[p], size[p] = 0, 1
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
        if largest >= 0 and top == 0:
            top = level
    levels = np.zeros(count, dtype=np.uint8)
    nested = _nested(best, link, link_level)
    for p in order:
        node = p
        for level in range(min(nested, level_of[p]), 0, -1):
            while link[node] != node and link_level[node] >= level:
                node = link[node]
            if node == best[level]:
                levels[p] = level
                break
    return levels, top


@numba.njit(cache=True, nogil=True)
def _nested(best: NDArray[np.int32], link: NDArray[np.int32], link_level: NDArray[np.uint8]) -> int:
    """Thresholds up to which each largest component lies within the one below."""
    nested = 0
    while nested < LEVELS and best[nested + 1] >= 0:
        node = best[nested + 1]
        if nested > 0:
            while link[node] != node and link_level[node] >= nested:
                node = link[node]
            if node != best[nested]:
                break
        nested += 1
    return nested


@numba.njit(cache=True, nogil=True)
def _by_level(level_of: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Pixels that reach a threshold, sorted by level and row-major within one; where each starts."""
    counts = np.zeros(LEVELS + 2, dtype=np.int64)
    for p in range(level_of.size):
        counts[level_of[p]] += 1
    starts = np.zeros(LEVELS + 2, dtype=np.int64)  # starts[0] is not used: level 0 is left out
    for level in range(1, LEVELS + 1):
        starts[level + 1] = starts[level] + counts[level]
    order = np.empty(starts[LEVELS + 1], dtype=np.int32)
    place = starts.copy()
    for p in range(level_of.size):
        level = level_of[p]
        if level > 0:
            order[place[level]] = p
            place[level] += 1
    return order, starts
