"""From trained networks to latents, base coordinates and log p."""
