"""The register's entries, one module a room, which fill it when imported; ``formulas`` holds the optimisers' answers."""

from chainrule.audit.cases import activations, affine, composed, losses, optimizers

__all__ = ["activations", "affine", "composed", "losses", "optimizers"]
