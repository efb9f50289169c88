"""scikit-learn's ``MLPClassifier``, in float32 and without a penalty.

It has no public way to start from given weights, nor to begin the clock after they are made, so two of its methods are
overridden: the one that draws the initial weights, and the one that holds the training loop, which is timed and not
changed. Its Adam adds eps before the bias correction of the root, not after: another 1e-8, the same work.
"""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info

from benchmarks.contenders.contender import Contender, Outcome, stopwatch
from benchmarks.problems import Data, Problem, Weights, initial_weights

__all__ = ["ScikitLearn"]


class _Classifier(MLPClassifier):
    """Starts from given weights, and times its training loop."""

    def _init_coef(self, fan_in, fan_out, dtype):
        weight, bias = next(self.given)
        assert weight.shape == (fan_in, fan_out)
        assert weight.dtype == dtype
        return weight, bias

    def _fit_stochastic(self, *args, **kwargs):
        with stopwatch() as watch:
            super()._fit_stochastic(*args, **kwargs)
        self.training_seconds = watch.seconds


class ScikitLearn(Contender):
    """``MLPClassifier(solver="adam", alpha=0)`` that never stops early."""

    packages = ("scikit-learn",)

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem, self.data = problem, data

    def run(self, seed: int) -> Outcome:
        problem = self.problem
        classifier = _Classifier(
            problem.widths[1:-1],
            solver="adam",
            alpha=0.0,
            batch_size=problem.batch_size,
            learning_rate_init=problem.learning_rate,
            beta_1=problem.b1,
            beta_2=problem.b2,
            epsilon=problem.eps,
            max_iter=problem.epochs,
            n_iter_no_change=problem.epochs + 1,
            tol=0.0,
            random_state=seed,
        )
        classifier.given = iter(initial_weights(problem, seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it would rather have more epochs
            classifier.fit(self.data.x, self.data.y)
        weights: Weights = list(zip(classifier.coefs_, classifier.intercepts_, strict=True))
        return Outcome(classifier.training_seconds, weights, int(classifier._optimizer.t))

    def threads(self) -> str:
        pools = [f"{pool['num_threads']} ({pool['internal_api']})" for pool in threadpool_info()]
        return ", ".join(dict.fromkeys(pools))
