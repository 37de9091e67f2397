"""The entry of the command line: `mlpjax` or `python -m mlpjax`."""

import io
import signal
import sys


def main() -> None:
    """Run the command line, or say what to install. A polite kill (SIGTERM) does what Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            from mlpjax.cli import app
        except ModuleNotFoundError as error:
            sys.exit(f"mlpjax: the command line needs {error.name}. Install it with: pip install 'mlpjax[cli]'")
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
