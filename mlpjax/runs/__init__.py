"""A run: from a table or a bundled set to a trained model, its report and its folder."""

from mlpjax.runs.examples import Prepared as Prepared
from mlpjax.runs.folder import Config as Config
from mlpjax.runs.models import Model as Model
from mlpjax.runs.options import DataOptions as DataOptions
from mlpjax.runs.options import Options as Options
from mlpjax.runs.preparing import prepare as prepare
from mlpjax.runs.reports import Report as Report
from mlpjax.runs.reports import report as report
from mlpjax.runs.training import Trained as Trained
from mlpjax.runs.training import train as train
