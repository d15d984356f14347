"""A conditional flow on the latent space of a VAE: what its embeddings still tell of the factors, what is anomalous."""
