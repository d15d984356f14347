"""MNIST classifiers attacked by FGSM, averaged over seeds: the science, as plain functions without engine objects."""
