"""Which conventions each metric has, and the unit each one prints.

The same word means different numbers in different code: "Gradient" alone has four scales. A convention is
named after the evaluation code that prints it: `rvm` Robust Video Matting, `bgmv2`
BackgroundMattingV2, `dim` the scripts of Deep Image Matting, `mmagic`, `p3m`, `mmnet`.
"""

UNITS: dict[tuple[str, str], str] = {
    ("mad", "rvm"): "mean x 1000",
    ("mad", "p3m"): "mean, unscaled",
    ("mad", "mmnet"): "mean, unscaled",
    ("mse", "rvm"): "mean x 1000",
    ("mse", "bgmv2"): "mean, unscaled",
    ("mse", "dim"): "mean, unscaled",
    ("mse", "mmagic"): "sum over the image / pixels of the region",
    ("mse", "p3m"): "mean, unscaled",
    ("sad", "rvm"): "sum / 1000",
    ("sad", "bgmv2"): "sum / 1000",
    ("sad", "dim"): "sum / 1000",
    ("sad", "mmagic"): "sum over the image / 1000",
    ("sad", "p3m"): "sum / 1000",
    ("gradient", "rvm"): "sum / 1000, min-max normalised",
    ("gradient", "bgmv2"): "sum, min-max normalised",
    ("gradient", "dim"): "sum / 1000, min-max normalised",
    ("gradient", "mmagic"): "sum / 1000, min-max normalised",
    ("gradient", "p3m"): "sum / 10",
    ("gradient", "mmnet"): "mean over the valid pixels, unscaled",
    ("connectivity", "rvm"): "sum / 1000",
    ("connectivity", "bgmv2"): "sum",
    ("connectivity", "dim"): "sum / 1000",
    ("connectivity", "mmagic"): "sum / 1000, float64 thresholds",
    ("connectivity", "p3m"): "sum / 1000, float64 thresholds, empty sets skipped",
    ("dtssd", "pairs"): "x 100, mean over frame pairs",
    ("dtssd", "rvm"): "x 100, mean over frames, the first counts 0",
    ("foreground_mad", "rvm"): "mean x 1000",
    ("foreground_mse", "rvm"): "mean x 1000",
    ("foreground_mse", "bgmv2"): "mean, unscaled",
    ("iou", "threshold"): "0 to 1, alpha >= 0.5",
    ("pixel_accuracy", "threshold"): "0 to 1, alpha >= 0.5",
    ("ssim", "wang"): "-1 to 1, 11x11 Gaussian, valid region",
    ("ssim", "skimage"): "-1 to 1, 7x7 uniform, valid region",
    ("ssim", "torchmetrics"): "-1 to 1, 11x11 Gaussian, reflected borders",
    ("psnr", "rgb"): "dB, peak 1",
    ("psnr", "y"): "dB, peak 1, BT.601 luma",
    ("psnr", "legacy"): "dB, peak 255 on ImageNet-normalised images (paper 000)",
}

SUBJECTS = {
    "ssim": "high_res",
    "psnr": "high_res",
    "foreground_mad": "foreground",
    "foreground_mse": "foreground",
}

HIGHER_IS_BETTER = frozenset({"iou", "pixel_accuracy", "ssim", "psnr"})


def unit(metric: str, convention: str) -> str:
    """Unit of a metric under a convention, as tables print it.

    Raises:
        ValueError: the pair is not defined; the message lists those that are.
    """
    if (metric, convention) not in UNITS:
        known = ", ".join(f"{m} ({c})" for m, c in UNITS)
        raise ValueError(f"no metric {metric!r} with convention {convention!r}; defined: {known}")
    return UNITS[metric, convention]


def subject(metric: str) -> str:
    """Batch key that a metric compares."""
    return SUBJECTS.get(metric, "alpha")
