"""The register's entries, one module a room; importing them fills the register."""

from chainrule.audit.cases import activations, affine, composed, losses

__all__ = ["activations", "affine", "composed", "losses"]
