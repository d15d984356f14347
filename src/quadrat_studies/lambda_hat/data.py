"""Inputs, a teacher's labels and their noise."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

from .network import teacher_network
from .params import Data, Model, Teacher


def make_data(model: Model, data: Data, teacher: Teacher | None, key: Array, dtype: jnp.dtype) -> tuple[Array, Array]:
    """Inputs x (n, in) and labels y (n, out) = teacher(x) + noise.

    Args:
        model: the student, whose form the teacher has where it does not say otherwise.
        data: size, distributions, noise.
        teacher: what is known of the teacher; None is a network like the student.
        key: for everything that is drawn.
        dtype: float32 or float64.
    """
    x_key, teacher_key, noise_key = jax.random.split(key, 3)
    x = inputs(data, model.in_dim, x_key, dtype)
    clean = labels(model, teacher or Teacher(), x, teacher_key, dtype)
    return x, clean + noise(data, x, clean.shape, noise_key, dtype)


def inputs(data: Data, dims: int, key: Array, dtype: jnp.dtype) -> Array:
    """Inputs (n, dims) of the distribution that `data.x_dist` names."""
    shape = (data.n_data, dims)
    draw_key, form_key = jax.random.split(key)
    normal = jax.random.normal(draw_key, shape, dtype)
    if data.x_dist == "gauss_aniso":
        scales: Array = jnp.sqrt(jnp.asarray(data.cov_decay, dtype) ** jnp.arange(dims))
        return normal * scales
    if data.x_dist == "mixture":
        centre_key, pick_key = jax.random.split(form_key)
        centres = jax.random.normal(centre_key, (data.mixture_k, dims), dtype)
        centres = centres / jnp.linalg.norm(centres, axis=1, keepdims=True) * data.mixture_spread
        mixed: Array = centres[jax.random.randint(pick_key, (data.n_data,), 0, data.mixture_k)] + normal
        return mixed
    if data.x_dist == "lowdim_manifold":
        across = jax.random.normal(form_key, (data.x_dim_latent, dims), dtype) / math.sqrt(data.x_dim_latent)
        return jnp.tanh(jax.random.normal(draw_key, (data.n_data, data.x_dim_latent), dtype) @ across)
    if data.x_dist == "heavy_tail":
        return jax.random.t(draw_key, jnp.asarray(data.x_df, dtype), shape, dtype)
    return normal


def labels(model: Model, teacher: Teacher, x: Array, key: Array, dtype: jnp.dtype) -> Array:
    """Labels (n, out) without noise."""
    weights_key, drop_key = jax.random.split(key)
    if teacher.rank is not None:
        first, last = model.in_dim, model.out_dim
        left, _ = jnp.linalg.qr(jax.random.normal(weights_key, (first, min(first, last)), dtype))
        right, _ = jnp.linalg.qr(jax.random.normal(drop_key, (last, min(first, last)), dtype))
        return x @ (left[:, : teacher.rank] @ right[:, : teacher.rank].T)
    form = teacher_network(model, teacher)
    return form(form.initial(weights_key, dtype), x.T, key=drop_key, dropout=teacher.dropout_rate).T


def noise(data: Data, x: Array, shape: tuple[int, ...], key: Array, dtype: jnp.dtype) -> Array:
    """Noise (n, out) of the model that `data.noise_model` names."""
    draw_key, pick_key = jax.random.split(key)
    normal = jax.random.normal(draw_key, shape, dtype)
    if data.noise_model == "hetero":
        scales: Array = data.noise_scale * (1 + data.hetero_scale * jnp.linalg.norm(x, axis=1, keepdims=True))
        return scales * normal
    if data.noise_model == "student_t":
        return data.noise_scale * jax.random.t(draw_key, jnp.asarray(data.student_df, dtype), shape, dtype)
    if data.noise_model == "outliers":
        is_outlier = jax.random.bernoulli(pick_key, data.outlier_frac, (shape[0], 1))
        return jnp.where(is_outlier, data.outlier_scale, data.noise_scale) * normal
    return data.noise_scale * normal
