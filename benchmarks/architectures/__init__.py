"""Forward and backward of ops, layers and models: by hand, by autodiff of the plain form, and in PyTorch."""
