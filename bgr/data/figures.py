"""Coverage of people-like figures: body, head and hair as antialiased shapes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.data.textures import SHIFT, Points, Rng, fixed_point
from bgr.io.images import ImageArray

SUPERSAMPLING = 3  # shapes are drawn this much larger and area-averaged: coverage becomes alpha


def person(
    rng: Rng, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Coverage of body, head and hair, each (height, width) float32 in 0 to 255."""
    big = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    scale = min(big) * rng.uniform(0.75, 1.25)
    body, head, hair = (np.zeros(big, np.uint8) for _ in range(3))

    head_height = scale * rng.uniform(0.15, 0.19)  # half axes of the head's ellipse
    head_width = head_height * rng.uniform(0.68, 0.85)
    centre = np.array([rng.uniform(0.3, 0.7) * big[1], big[0] - scale * rng.uniform(0.55, 0.72)])
    tilt = rng.uniform(-15, 15)
    shoulder = head_width * rng.uniform(2.0, 2.9)
    neck_y = centre[1] + head_height * rng.uniform(1.05, 1.3)
    drop = head_height * rng.uniform(0.35, 0.8)
    waist = shoulder * rng.uniform(0.6, 0.95)
    bottom = big[0] * 1.1

    neck = head_width * rng.uniform(0.42, 0.6)
    top_left = fixed_point(centre[0] - neck, centre[1])
    bottom_right = fixed_point(centre[0] + neck, neck_y + drop)
    cv2.rectangle(head, top_left, bottom_right, 255, -1, cv2.LINE_AA, SHIFT)
    torso = np.array(
        [
            [-neck * 1.1, neck_y],
            [-shoulder * 0.6, neck_y + drop * 0.35],
            [-shoulder, neck_y + drop * 1.1],
            [-waist, neck_y + (bottom - neck_y) * 0.55],
            [-waist * 1.05, bottom],
        ]
    )
    outline = np.concatenate([torso, torso[::-1] * (-1, 1)])
    _fill(body, _smooth(outline) + (centre[0], 0))
    for side in (-1, 1):
        _arm(rng, body, side, centre[0], shoulder, neck_y + drop, bottom)
    cv2.ellipse(
        head,
        fixed_point(*centre),
        fixed_point(head_width, head_height),
        tilt,
        0,
        360,
        255,
        -1,
        cv2.LINE_AA,
        SHIFT,
    )
    if rng.random() > 0.06:
        _hair(rng, hair, centre, head_width, head_height, tilt)
    covers = [
        cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        for c in (body, head, hair)
    ]
    return covers[0], covers[1], covers[2]


def _arm(
    rng: Rng, body: ImageArray, side: int, x: float, shoulder: float, y: float, bottom: float
) -> None:
    """An arm: hanging, on the hip (which leaves a hole), or raised."""
    pose = rng.integers(4)
    start = np.array([x + side * shoulder * 0.85, y])
    if pose == 0:
        joints = [start, start + (side * shoulder * 0.25, (bottom - y) * 0.9)]
    elif pose == 1:
        elbow = start + (side * shoulder * rng.uniform(0.55, 0.9), (bottom - y) * 0.4)
        joints = [start, elbow, np.array([x + side * shoulder * 0.6, y + (bottom - y) * 0.62])]
    elif pose == 2:
        elbow = start + (side * shoulder * rng.uniform(0.3, 0.7), shoulder * rng.uniform(0.1, 0.5))
        joints = [start, elbow, elbow + (side * shoulder * rng.uniform(-0.3, 0.3), -shoulder)]
    else:
        return
    thickness = max(1, int(shoulder * rng.uniform(0.22, 0.36)))
    points = np.array([fixed_point(*joint) for joint in joints], np.int32)
    cv2.polylines(body, [points], False, 255, thickness, cv2.LINE_AA, SHIFT)


def _hair(
    rng: Rng, hair: ImageArray, centre: Points, head_width: float, head_height: float, tilt: float
) -> None:
    """A cap of hair on the head and strands that leave it, most of them thinner than a pixel."""
    length = rng.choice([0.25, 0.6, 1.4, 2.2]) * head_height * rng.uniform(0.7, 1.2)
    volume = rng.uniform(1.05, 1.3)
    spread = 200 if length < head_height else 250  # degrees around the head that grow hair
    angles = np.deg2rad(np.linspace(-90 - spread / 2, -90 + spread / 2, 40) + tilt)
    radius = volume + 0.06 * np.cumsum(rng.normal(0, 0.4, 40)) / 4
    outer = (
        centre
        + np.stack([np.cos(angles) * head_width, np.sin(angles) * head_height], 1)
        * (radius[:, None])
    )
    inner_y = centre[1] - head_height * rng.uniform(0.25, 0.6)
    inner = np.array(
        [[centre[0] + head_width * 0.75, inner_y], [centre[0] - head_width * 0.75, inner_y]]
    )
    _fill(hair, np.concatenate([outer, inner]))
    if length > head_height:  # long hair falls behind the shoulders
        for end in (outer[0], outer[-1]):
            side = np.sign(end[0] - centre[0])
            tip = end + (side * head_width * rng.uniform(-0.1, 0.4), length * 0.6)
            lock = [
                end,
                tip,
                tip - (side * head_width * 0.5, 0),
                end - (side * head_width * 0.7, 0),
            ]
            _fill(hair, _smooth(np.array(lock)))

    count = int(rng.integers(60, 220))
    roots = outer[rng.integers(len(outer), size=count)]
    away = (roots - centre) / np.linalg.norm(roots - centre, axis=1, keepdims=True)
    reach = rng.uniform(0.08, 0.4, (count, 1)) * head_height * rng.uniform(0.4, 1.6)
    sideways = np.stack([-away[:, 1], away[:, 0]], 1) * rng.normal(0, 0.6, (count, 1))
    t = np.linspace(0, 1, 7)[None, :, None]
    gravity = np.array([0, 1.0]) * rng.uniform(0, 0.9)
    path = roots[:, None] - 0.05 * head_height * away[:, None]
    path = path + reach[:, None] * (t * away[:, None] + t**2 * (sideways[:, None] + gravity))
    strands = np.round(path * (1 << SHIFT)).astype(np.int32)
    thin = rng.random(count) < 0.8  # one drawn pixel: a third of a pixel of the sample
    for width, chosen in ((1, thin), (2, ~thin)):
        cv2.polylines(hair, list(strands[chosen]), False, 255, width, cv2.LINE_AA, SHIFT)


def _smooth(points: Points) -> Points:
    """Round a closed polygon by corner cutting (Chaikin), three times."""
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        points = np.stack([points * 0.75 + following * 0.25, points * 0.25 + following * 0.75], 1)
        points = points.reshape(-1, 2)
    return points


def _fill(mask: ImageArray, outline: Points) -> None:
    points = np.round(outline * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, SHIFT)
