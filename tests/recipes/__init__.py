"""Recipes: settings, training, run folders and image files."""
