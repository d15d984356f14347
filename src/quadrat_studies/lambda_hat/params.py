"""What can be set: of a target (network, data, teacher, training), of a posterior, and of each sampler.

The options and their names are those that users of Lambda-Hat know. Every default is part of a run's id.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

import quadrat as qd

Activation = Literal["relu", "tanh", "gelu", "identity"]
Precision = Literal["float32", "float64"]
Double = Literal["float64"]


class Model(qd.Params):
    """The student: a multilayer perceptron."""

    in_dim: int = Field(default=4, ge=1)
    """inputs"""
    out_dim: int = Field(default=1, ge=1)
    """outputs"""
    depth: int = Field(default=2, ge=1)
    """hidden layers"""
    widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """units of each hidden layer; else `target_params` gives one width for all"""
    target_params: int | None = Field(default=None, ge=1)
    """parameters wanted: the widest network of `depth` equal layers that has no more"""
    activation: Activation = "relu"
    bias: bool = True
    layernorm: bool = False
    """normalise each hidden layer before its activation"""
    init: Literal["he", "xavier", "lecun", "orthogonal"] = "he"
    skip_connections: bool = False
    """add the activations of `residual_period` hidden layers back"""
    residual_period: int = Field(default=2, ge=1)
    """hidden layers between the ends of a skip connection"""


class Data(qd.Params):
    """The data that the target is trained on."""

    n_data: int = Field(default=5000, ge=2)
    """examples n"""
    x_dist: Literal["gauss_iso", "gauss_aniso", "mixture", "lowdim_manifold", "heavy_tail"] = "gauss_iso"
    cov_decay: float = Field(default=0.95, gt=0, le=1)
    """gauss_aniso: the variance of input i is cov_decay^i"""
    mixture_k: int = Field(default=4, ge=1)
    """mixture: centres"""
    mixture_spread: float = Field(default=2.0, ge=0)
    """mixture: distance of the centres from 0"""
    x_dim_latent: int = Field(default=2, ge=1)
    """lowdim_manifold: dimensions of the manifold"""
    x_df: float = Field(default=4.0, gt=0)
    """heavy_tail: degrees of freedom of the inputs"""
    noise_model: Literal["gauss", "hetero", "student_t", "outliers"] = "gauss"
    noise_scale: float = Field(default=0.1, ge=0)
    """noise scale σ"""
    hetero_scale: float = Field(default=0.1, ge=0)
    """hetero: h in σ(1 + h‖x‖)"""
    student_df: float = Field(default=4.0, gt=0)
    """student_t, and the loss t_regression: degrees of freedom ν"""
    outlier_frac: float = Field(default=0.05, ge=0, le=1)
    """outliers: share of them"""
    outlier_scale: float = Field(default=2.0, ge=0)
    """outliers: their scale"""


class Teacher(qd.Params):
    """What makes the labels. Whatever is null is as in the student."""

    depth: int | None = Field(default=None, ge=1)
    widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    target_params: int | None = Field(default=None, ge=1)
    activation: Activation | None = None
    dropout_rate: float = Field(default=0.0, ge=0, lt=1)
    """share of the teacher's hidden units that are silent, drawn anew for each example"""
    rank: int | None = Field(default=None, ge=0)
    """a linear teacher, y = Ax, with A of this rank in place of a network"""


class Training(qd.Params):
    """How the student is trained to its minimum w₀, on all data at each step."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(default=1e-2, gt=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    """how the learning rate goes: to zero along a cosine, or not at all"""
    steps: int = Field(default=5000, ge=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    """adamw only"""
    early_stop_tol: float = Field(default=1e-6, ge=0)
    """stop where the norm of the gradient is below this"""
    grad_tol: float = Field(default=0.05, gt=0)
    """a run whose gradient's norm is above this in the end has failed: w₀ is no minimum"""
    loss: Literal["mse", "t_regression"] = "mse"


class Posterior(qd.Params):
    """The tempered local posterior, log p(w) = −nβ·L_n(w) − γ/2·‖w − w₀‖²."""

    beta_mode: Literal["1_over_log_n", "fixed"] = "1_over_log_n"
    """β = β₀/log(max(3, n)), or β₀ itself"""
    beta0: float = Field(default=1.0, gt=0)
    """β₀"""
    gamma: float | None = Field(default=1.0, ge=0)
    """localisation γ"""
    prior_radius: float | None = Field(default=None, gt=0)
    """in place of γ: γ = d/prior_radius²"""


class Sampler(qd.Params):
    """What all samplers have."""

    seed: int = Field(default=0, ge=0)
    """seed of the sampler"""
    chains: int = Field(default=4, ge=1)
    """independent chains"""
    keep_params: bool = False
    """whether the trace also keeps the parameters of each draw"""


class HMC(Sampler):
    """Hamiltonian Monte Carlo (Neal 2011, arXiv 1206.1901), trajectories of random length by default."""

    name: Literal["hmc"] = "hmc"
    draws: int = Field(default=1000, ge=4)
    warmup: int = Field(default=500, ge=0)
    """steps of window adaptation before the draws"""
    num_integration_steps: int = Field(default=10, ge=1)
    """leapfrog steps of a draw, on average"""
    jitter: bool = True
    """draw the length of each trajectory, uniform from 1 to 2·num_integration_steps − 1: a fixed one resonates"""
    step_size: float = Field(default=0.01, gt=0)
    """the step size, or where its adaptation begins"""
    adapt_step_size: bool = True
    adapt_mass_matrix: bool = True
    target_acceptance: float = Field(default=0.8, gt=0, lt=1)
    dtype: Double = "float64"


class NUTS(Sampler):
    """The no-U-turn sampler (Hoffman and Gelman 2014, arXiv 1111.4246)."""

    name: Literal["nuts"] = "nuts"
    draws: int = Field(default=1000, ge=4)
    warmup: int = Field(default=500, ge=0)
    """steps of window adaptation before the draws"""
    max_doublings: int = Field(default=10, ge=1, le=16)
    """a trajectory has 2^max_doublings − 1 leapfrog steps at most"""
    step_size: float = Field(default=0.01, gt=0)
    """the step size, or where its adaptation begins"""
    adapt_step_size: bool = True
    adapt_mass_matrix: bool = True
    target_acceptance: float = Field(default=0.8, gt=0, lt=1)
    dtype: Double = "float64"


class MCLMC(Sampler):
    """Microcanonical Langevin Monte Carlo (Robnik et al. 2023, arXiv 2212.08549), tuned or adjusted."""

    name: Literal["mclmc"] = "mclmc"
    draws: int = Field(default=2000, ge=4)
    thinning: int = Field(default=5, ge=1)
    """steps of the dynamics for each draw (unadjusted)"""
    tune: bool = True
    """whether L and the step size are tuned; else they are taken as given"""
    num_steps: int = Field(default=20_000, ge=0)
    """the fractions below are of this many steps; too few, and the chains have not left w₀ when the draws begin"""
    L: float = Field(default=1.0, gt=0)
    """length after which the momentum is decorrelated; not used where tuned"""
    step_size: float = Field(default=0.1, gt=0)
    """step size; not used where tuned"""
    diagonal_preconditioning: bool = False
    frac_tune1: float = Field(default=0.1, ge=0, le=1)
    frac_tune2: float = Field(default=0.1, ge=0, le=1)
    frac_tune3: float = Field(default=0.1, ge=0, le=1)
    desired_energy_var: float = Field(default=5e-4, gt=0)
    """variance of the energy error for each dimension that tuning aims at"""
    trust_in_estimate: float = Field(default=1.5, gt=0)
    num_effective_samples: float = Field(default=150.0, gt=1)
    integrator: Literal["isokinetic_mclachlan", "isokinetic_velocity_verlet", "isokinetic_yoshida"] = (
        "isokinetic_mclachlan"
    )
    adjusted: bool = False
    """accept or reject whole trajectories, which leaves no bias of the step size"""
    target_acceptance: float = Field(default=0.9, gt=0, lt=1)
    """adjusted only"""
    num_integration_steps: float = Field(default=5.0, ge=1.2)
    """adjusted only: steps of a trajectory, on average"""
    dtype: Double = "float64"


class SGLD(Sampler):
    """Stochastic gradient Langevin dynamics, plain or preconditioned (arXiv 2507.21449, Algorithms 1 to 3)."""

    name: Literal["sgld"] = "sgld"
    steps: int = Field(default=50_000, ge=1)
    """steps in all, warm-up included"""
    warmup: int = Field(default=5_000, ge=0)
    """the first steps, which are thrown away"""
    batch_size: int | None = Field(default=256, ge=1)
    """examples of a step, drawn with replacement; null: all of them"""
    step_size: float = Field(default=1e-4, gt=0)
    """step size ε"""
    precond: Literal["none", "rmsprop", "adam"] = "none"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    bias_correction: bool = True
    eval_every: int = Field(default=50, ge=1)
    """steps between two evaluations of L_n on all data: a draw"""
    dtype: Precision = "float32"


class VI(Sampler):
    """Variational inference: a mixture of factor analysers around w₀, or a normalising flow."""

    name: Literal["vi"] = "vi"
    chains: int = Field(default=1, ge=1, le=1)
    """draws are independent: one chain"""
    algo: Literal["mfa", "flow"] = "mfa"
    M: int = Field(default=8, ge=1)
    """mfa: components of the mixture"""
    r: int = Field(default=2, ge=0)
    """mfa: rank of each component's factor"""
    flow_layers: int = Field(default=8, ge=1)
    """flow: coupling layers"""
    flow_hidden: int = Field(default=64, ge=1)
    """flow: hidden units of a coupling layer"""
    steps: int = Field(default=5000, ge=1)
    batch_size: int | None = Field(default=256, ge=1)
    """examples of a step, drawn with replacement; null: all of them"""
    lr: float = Field(default=0.003, gt=0)
    eval_every: int = Field(default=50, ge=1)
    """steps between two records of the ELBO"""
    eval_samples: int = Field(default=1000, ge=4)
    """draws of q for the estimate"""
    use_whitening: bool = True
    """begin at the scales that the curvature at w₀ gives, and optimise relative to them"""
    dtype: Precision = "float32"


AnySampler = Annotated[HMC | NUTS | MCLMC | SGLD | VI, Field(discriminator="name")]
SAMPLERS: dict[str, type[Sampler]] = {"hmc": HMC, "nuts": NUTS, "mclmc": MCLMC, "sgld": SGLD, "vi": VI}
