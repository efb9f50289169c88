"""Whole programs that train the network of ``chainrule train digits`` in other libraries."""
