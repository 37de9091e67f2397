"""Every way to compute the gradient of the loss, under one signature: `GradFn`.

>>> from mlpjax import gradients
>>> sorted(gradients.METHODS)
['autodiff', 'backprop', 'finite_difference', 'forward_mode', 'path_sum']
"""

from mlpjax.gradients.autodiff import autodiff as autodiff
from mlpjax.gradients.backprop import backprop as backprop
from mlpjax.gradients.backprop import backprop_multiplications as backprop_multiplications
from mlpjax.gradients.backprop import deltas as deltas
from mlpjax.gradients.backprop import layer_gradients as layer_gradients
from mlpjax.gradients.clipping import clipped_gradient as clipped_gradient
from mlpjax.gradients.curvature_blocks import ggn_diagonal as ggn_diagonal
from mlpjax.gradients.curvature_blocks import kfac_factors as kfac_factors
from mlpjax.gradients.differences import finite_difference as finite_difference
from mlpjax.gradients.drop_in import apply as apply
from mlpjax.gradients.forward_mode import forward_mode as forward_mode
from mlpjax.gradients.forward_mode import jvp as jvp
from mlpjax.gradients.forward_mode import predict_jvp as predict_jvp
from mlpjax.gradients.gauss_newton import empirical_fisher_vector_product as empirical_fisher_vector_product
from mlpjax.gradients.gauss_newton import fisher_vector_product as fisher_vector_product
from mlpjax.gradients.gauss_newton import ggnvp as ggnvp
from mlpjax.gradients.hvp import dense as dense
from mlpjax.gradients.hvp import hessian as hessian
from mlpjax.gradients.hvp import hvp as hvp
from mlpjax.gradients.influence import tracin as tracin
from mlpjax.gradients.inputs import input_gradient as input_gradient
from mlpjax.gradients.inputs import input_jacobian as input_jacobian
from mlpjax.gradients.laplacian import laplacian as laplacian
from mlpjax.gradients.method import METHODS as METHODS
from mlpjax.gradients.noise_scale import NoiseScale as NoiseScale
from mlpjax.gradients.noise_scale import gradient_noise_scale as gradient_noise_scale
from mlpjax.gradients.paths import path_count as path_count
from mlpjax.gradients.paths import path_multiplications as path_multiplications
from mlpjax.gradients.paths import path_sum as path_sum
from mlpjax.gradients.per_example import gram as gram
from mlpjax.gradients.per_example import per_example_gradients as per_example_gradients
from mlpjax.gradients.per_example import per_example_layer_norms as per_example_layer_norms
from mlpjax.gradients.per_example import per_example_norms as per_example_norms
from mlpjax.gradients.recomputation import recomputing as recomputing
