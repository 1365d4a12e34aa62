"""A network with one hidden layer over embedded lists: its values, and the uncertainty of its gradient.

Trained by conjugate gradients on squared errors and the squared distance from its initial weights (Zhou, Li & Gu 2020,
NeuralUCB, with the diagonal of the information matrix, as EASE's code has it).
"""

from dataclasses import dataclass

import numpy as np

from rollmill_mixing.allocators.lists.demonstrations import Doubles

STEPS = 60  # of conjugate gradients; L-BFGS of scipy waits for threads of BLAS


@dataclass(frozen=True, slots=True)
class ListNetwork:
    """A trained network. `weights`: one vector with the weights of the hidden layer (inputs, units) and of the output
    (units,). `initial`: the same vector before training.
    """

    weights: Doubles
    initial: Doubles
    inputs: int

    @classmethod
    def fit(cls, points: Doubles, values: Doubles, width: int, penalty: float, seed: int) -> "ListNetwork":
        """The network of these embedded lists and their values, from the initial weights of a seed."""
        from scipy.optimize import minimize

        generator, inputs = np.random.default_rng([seed, width]), points.shape[1]
        hidden = generator.normal(0.0, 1.0, inputs * width)
        initial = np.concatenate([hidden, generator.normal(0.0, width**-0.5, width)])

        def loss(weights: Doubles) -> tuple[float, Doubles]:
            # einsum and not @: BLAS shares so small products out over threads, which then wait for one another.
            units = np.tanh(np.einsum("li,iu->lu", points, weights[:-width].reshape(inputs, width)))
            rest, missed = weights - initial, np.einsum("lu,u->l", units, weights[-width:]) - values
            inner = missed[:, None] * weights[-width:] * (1.0 - units**2)
            parts = [np.einsum("li,lu->iu", points, inner).ravel(), np.einsum("lu,l->u", units, missed)]
            slope = np.concatenate(parts) + penalty * rest
            return float(0.5 * missed @ missed + 0.5 * penalty * rest @ rest), slope

        fitted = minimize(loss, initial, jac=True, method="CG", options={"maxiter": STEPS})
        return cls(np.asarray(fitted.x), initial, inputs)

    def values(self, points: Doubles) -> Doubles:
        """The value of each list."""
        return self._units(points) @ self._output

    def uncertainty(self, points: Doubles, known: Doubles, penalty: float) -> Doubles:
        """sqrt of the sum over weights of g^2 / u: g is the gradient at a list, u the penalty plus g^2 of known lists."""
        of_hidden, of_output = self._squares(known)
        hidden, output = penalty + known.T**2 @ of_hidden, penalty + of_output.sum(axis=0)
        mine_hidden, mine_output = self._squares(points)
        total = ((points**2 @ (1.0 / hidden)) * mine_hidden).sum(axis=1) + mine_output @ (1.0 / output)
        return np.asarray(np.sqrt(total))

    @property
    def _output(self) -> Doubles:
        return self.weights[-(len(self.weights) // (self.inputs + 1)) :]

    def _units(self, points: Doubles) -> Doubles:
        width = len(self._output)
        return np.tanh(points @ self.weights[:-width].reshape(self.inputs, width))

    def _squares(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """(lists, units): squares of the gradient by the output weights' inputs; of a hidden weight, times its input^2."""
        units = self._units(points)
        return (self._output * (1.0 - units**2)) ** 2, units**2
