"""From tables to arrays."""

from mlpjax.data.bundled import NAMES as NAMES
from mlpjax.data.bundled import as_table as as_table
from mlpjax.data.bundled import bundled as bundled
from mlpjax.data.columns import Column as Column
from mlpjax.data.columns import Statistics as Statistics
from mlpjax.data.columns import encode as encode
from mlpjax.data.columns import feature_names as feature_names
from mlpjax.data.examples import Examples as Examples
from mlpjax.data.examples import labelled as labelled
from mlpjax.data.examples import ready as ready
from mlpjax.data.examples import unlabelled as unlabelled
from mlpjax.data.predictions import decode as decode
from mlpjax.data.preprocessing import Preprocessing as Preprocessing
from mlpjax.data.preprocessing import Target as Target
from mlpjax.data.preprocessing import describe as describe
from mlpjax.data.preprocessing import restore as restore
from mlpjax.data.sources import Source as Source
from mlpjax.data.sources import open_source as open_source
from mlpjax.data.streams import MEMORY as MEMORY
from mlpjax.data.streams import Stream as Stream
from mlpjax.data.streams import stream as stream
from mlpjax.data.survey import Choices as Choices
from mlpjax.data.tables import Dataset as Dataset
from mlpjax.data.tables import load_table as load_table
