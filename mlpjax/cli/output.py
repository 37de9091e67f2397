"""What the commands say: to people on standard output, or to machines as JSON; errors in one line."""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import jax
import typer
from rich.console import Console
from rich.markup import escape

from mlpjax.callbacks import finite


class Voice(Console):
    """A console that falls silent when nobody listens any more: a long training goes on all the same."""

    def on_broken_pipe(self) -> None:
        """Print nothing from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


console = Voice(highlight=False, soft_wrap=True)
"""Standard output."""

errors = Voice(stderr=True, highlight=False, soft_wrap=True)
"""Standard error."""


def voice(as_json: bool) -> Console:
    """Where to speak to people: standard output, or standard error where that is for machines."""
    return errors if as_json else console


def literal(text: object) -> str:
    """Text that came from a file, for the terminal: no markup, and no control character that it would obey.

    >>> literal("[bold]price" + chr(27) + "[2J")
    '\\\\[bold]price\\\\x1b[2J'
    """
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))
    return escape(shown)


def print_json(content: dict) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(finite(content), indent=2, allow_nan=False, default=str))


@contextmanager
def plain_errors() -> Iterator[None]:
    """What is wrong, in one line on stderr and with exit code 2; 130 on Ctrl-C."""
    try:
        yield
    except ModuleNotFoundError as error:
        fail(f"this needs {error.name}: pip install 'mlpjax[cli]'", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has seen enough, as head has
        raise typer.Exit(0) from None
    except OSError as error:
        fail(_os_error(error), 2)
    except (ValueError, TypeError) as error:
        fail(str(error), 2)
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not (isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error) or "Out of memory" in str(error)):
            raise
        fail("there is not enough memory for this; smaller --layers, a smaller --batch-size or less --memory need less", 2)
    except KeyboardInterrupt:
        fail("interrupted", 130)


def _os_error(error: OSError) -> str:
    if error.errno is None or error.filename is None:
        return str(error.strerror or error)
    return f"{error.filename}: {error.strerror}"


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong, and leave."""
    errors.print(f"[bold red]error:[/bold red] {literal(' '.join(message.split()))}")
    raise typer.Exit(code)


def warn(message: str) -> None:
    """Say what is not as it should be."""
    errors.print(f"[bold yellow]warning:[/bold yellow] {literal(' '.join(message.split()))}")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings in one line on stderr, each as soon as it comes, and once."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = lambda message, *where: warn(str(message))
        yield


@contextmanager
def drawing(what: str = "the picture") -> Iterator[None]:
    """A picture that cannot be written is a warning: what it shows is written elsewhere too."""
    try:
        yield
    except OSError as reason:
        warn(f"{what} could not be drawn: {reason.strerror or reason}")


def keep_compiled_code() -> None:
    """Keep compiled code on disk, so that the second start is quick; JAX's own variable comes first."""
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")  # it is compiled again then
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "mlpjax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
