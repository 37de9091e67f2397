"""What the folder of a run is told while it trains."""

from pathlib import Path

from mlpjax.fitting import History
from mlpjax.runs import Config, folder
from mlpjax.training import State


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
