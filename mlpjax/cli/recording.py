"""What the folder of a run is told while it trains."""

import warnings
from pathlib import Path

from mlpjax.callbacks import JsonLines
from mlpjax.fitting import History
from mlpjax.fitting.driver import Callback
from mlpjax.runs import Config, folder
from mlpjax.training import State


class Log:
    """A line for each epoch, as long as there is room on the disk: the training is worth more than its log.

    Args:
        path: the file, written anew.
    """

    def __init__(self, path: Path):
        self._path = path
        self._write: Callback = JsonLines(path)

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Write the epochs that are not there yet."""
        try:
            self._write(epoch, state, history)
        except OSError as error:
            self._write = _nothing
            message = f"{self._path} cannot be written: {error.strerror}. Training goes on without it"
            warnings.warn(message, RuntimeWarning, stacklevel=2)


def _nothing(epoch: int, state: State, history: History) -> None: ...


class Noted:
    """Once a run that goes on has learned more, its folder says what it was asked to do now.

    Args:
        path: the folder.
        config: what the run is asked to do.

    Attributes:
        called: whether there was anything left to learn.
    """

    def __init__(self, path: Path, config: Config):
        self._path, self._config, self.called = path, config, False

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Write the configuration, the first time, if it is another."""
        if not self.called and folder.read_config(self._path) != self._config:
            folder.write_config(self._path, self._config)
        self.called = True
