"""From tables to arrays."""

from mlpjax.data.bundled import NAMES as NAMES
from mlpjax.data.bundled import Dataset as Dataset
from mlpjax.data.bundled import bundled as bundled
