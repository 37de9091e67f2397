"""The entry of the command line: `mlpjax` or `python -m mlpjax`."""

import sys


def main() -> None:
    """Run the command line, or say what to install."""
    try:
        from mlpjax.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f"mlpjax: the command line needs {error.name}. Install it with: pip install 'mlpjax[cli]'")
    app()


if __name__ == "__main__":
    main()
