"""Statistical tests of embeddings: is u standard normal, and which factors are still in it."""
