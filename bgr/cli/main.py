"""The `bgr` program: picks a verb, and turns every expected failure into one message."""

import os
import sys
import traceback
from importlib import import_module

from bgr import __version__
from bgr.errors import BgrError

VERBS = {
    "train": "train a system, or go on with a stopped run",
    "evaluate": "score a run's checkpoint on a data set",
    "predict": "cut people out of photos and place them on another background",
    "summary": "list a model's layers, parameters, MACs and activations",
    "bench": "measure training steps on this machine",
    "table": "print a paper's figures beside what is measured here",
}

HELP = f"""bgr {__version__}: train, evaluate and use background matting networks

usage: bgr <verb> [key=value ...]

{chr(10).join(f"  {verb:<10}{text}" for verb, text in VERBS.items())}

  bgr train                                       the built-in synthetic data
  bgr train data=folder data.root=/my/photos      your own photos and mattes
  bgr train run=runs/<run>                        go on with a stopped run
  bgr evaluate run=runs/<run>
  bgr predict run=runs/<run> input=me.jpg target_background=beach.jpg output=out

Every setting is a key; `bgr <verb> --cfg job` prints them all, `bgr <verb> --help` the choices.
"""


def main() -> None:
    """Entry point of the `bgr` program."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return
    if arguments[0] == "--version":
        print(__version__)
        return
    verb = arguments[0]
    if verb not in VERBS:
        fail(BgrError(f"no verb {verb!r}", f"one of {', '.join(VERBS)}", "see `bgr --help`"))
    sys.argv = [f"bgr {verb}", *arguments[1:]]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach `fail` instead of Hydra's own printer
    debug = any(a.lower() in ("debug=true", "debug=1") for a in arguments)
    try:
        import_module(f"bgr.cli.{verb}").main()
    except Exception as error:
        if debug:
            raise
        fail(error)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
    except BaseException as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        print(f"\n{error}", file=sys.stderr)
        sys.exit(code)


def fail(error: Exception) -> None:
    """Print one message for an expected error, a traceback for a bug, and exit with 1."""
    message = expected_message(error)
    if message is None:
        traceback.print_exception(error)
        message = "this is a bug in bgr: please report it with the lines above"
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def expected_message(error: Exception) -> str | None:
    """What to tell the user, or None when the error is not one the user can mend."""
    if isinstance(error, BgrError):
        # An error of a loader worker arrives with the worker's traceback in front of its message.
        return str(error).rpartition("bgr.errors.BgrError: ")[2].strip()
    if type(error).__module__.split(".")[0] in ("hydra", "omegaconf"):
        return config_message(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}\n  to mend:  check the path and its permissions"
    if type(error) is ValueError and "Config group override" in str(error):
        return f"{error}\n  to mend:  choose a file of the group, such as geometry=none"
    return None


def config_message(error: Exception) -> str:
    """Message of a configuration error, with the nearest known key for a misspelt one."""
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    from bgr.config import dotted_keys, nearest_key, register_schemas

    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    text = "\n".join(dict.fromkeys(str(c).strip() for c in causes))
    message = text.replace("\nTo append to your config use", "\nto add a new key use")
    if "Missing mandatory value" in text:
        key = text.partition("full_key: ")[2].split()[0]
        return f"{key} is not given\n  to mend:  {key}=<value>"
    if "ey '" not in text:
        return message
    GlobalHydra.instance().clear()
    register_schemas()
    chosen = [a for a in sys.argv[1:] if a.startswith(("data=", "model=", "logger="))]
    with initialize_config_module("bgr.conf", version_base="1.3"):
        defaults = compose(sys.argv[0].removeprefix("bgr "), overrides=chosen)
    near = nearest_key(text, dotted_keys(defaults))
    return f"{message}\n  nearest known key: {near}" if near else message


if __name__ == "__main__":
    main()
