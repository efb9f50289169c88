"""Side by side: the same network, data, batch, optimiser and epochs in chainrule and in other libraries."""
