"""`bgr predict`: use a run's checkpoint on photos."""

from pathlib import Path

from omegaconf import DictConfig

from bgr.config import load_run, run_verb


def main() -> None:
    """Run the verb."""
    run_verb(predict, "predict")


def predict(config: DictConfig) -> None:
    """Predict with a run's checkpoint."""
    run = load_run(config.run)

    from bgr.cli.assemble import checkpoint_path, load_system, resolve_device
    from bgr.inference import predict as inference

    inputs = inference.find_inputs(Path(config.input))
    background = None
    if config.target_background is not None:
        background = inference.read_background(config.target_background)
    device = resolve_device(config.device)
    system = load_system(run, checkpoint_path(config.run, config.checkpoint), device)
    output = Path(config.output)
    others = ("captured_background", "trimap")
    given = {key: Path(config[key]) for key in others if config[key] is not None}
    size = list(config.size or run.size)
    inference.predict(system, size, inputs, output, background, given, device)
    print(f"{len(inputs)} photo(s) done: {output}")
