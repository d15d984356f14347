"""The study `lambda_hat`: local learning coefficients of trained networks, N targets × M samplers."""
