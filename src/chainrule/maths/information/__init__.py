"""Information: entropy, divergences, mutual information."""

from chainrule.maths.information.divergence import jensen_shannon, kl_divergence, kl_divergence_of_logits
from chainrule.maths.information.entropy import cross_entropy, cross_entropy_of_logits, entropy, entropy_of_logits
from chainrule.maths.information.mutual_information import mutual_information, mutual_information_of_counts

__all__ = [
    "cross_entropy",
    "cross_entropy_of_logits",
    "entropy",
    "entropy_of_logits",
    "jensen_shannon",
    "kl_divergence",
    "kl_divergence_of_logits",
    "mutual_information",
    "mutual_information_of_counts",
]
