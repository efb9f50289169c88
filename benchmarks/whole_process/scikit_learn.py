"""Train the network of ``chainrule train digits``, print its accuracy, and write nothing.

MLP 64-64-10, batch 64, Adam at 1e-2, 20 epochs; without label smoothing, which ``MLPClassifier`` does not have.
"""

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
features, labels = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(
    (features / 16).astype("float32"), labels, test_size=360, stratify=labels, random_state=0
)
classifier = MLPClassifier(
    (64,),
    alpha=0.0,
    batch_size=64,
    learning_rate_init=1e-2,
    max_iter=20,
    n_iter_no_change=21,
    tol=0.0,
    random_state=0,
)
classifier.fit(x, y)
print(f"accuracy {classifier.score(x_test, y_test):.4f}")
