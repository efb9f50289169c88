"""Probability: distributions, Bayes' theorem, likelihood."""

from chainrule.maths.probability.bayes import Posterior, bayes, beta_bernoulli, normal_normal
from chainrule.maths.probability.bayesian_regression import BayesianRegression, bayesian_regression, predictive
from chainrule.maths.probability.beta import Beta
from chainrule.maths.probability.categorical import Bernoulli, Categorical
from chainrule.maths.probability.counts import Binomial, Poisson
from chainrule.maths.probability.distribution import Distribution
from chainrule.maths.probability.gamma import Exponential, Gamma
from chainrule.maths.probability.maximum_likelihood import maximum_likelihood
from chainrule.maths.probability.normal import MultivariateNormal, Normal
from chainrule.maths.probability.student_t import StudentT
from chainrule.maths.probability.uniform import Uniform

__all__ = [
    "BayesianRegression",
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Distribution",
    "Exponential",
    "Gamma",
    "MultivariateNormal",
    "Normal",
    "Poisson",
    "Posterior",
    "StudentT",
    "Uniform",
    "bayes",
    "bayesian_regression",
    "beta_bernoulli",
    "maximum_likelihood",
    "normal_normal",
    "predictive",
]
