"""bgr: train, evaluate and use background matting and replacement networks."""

__version__ = "0.1.0"
