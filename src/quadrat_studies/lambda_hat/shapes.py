"""What can be said of a target and a sampler before anything runs, without JAX."""

from __future__ import annotations

import math

from quadrat import BadInput

from .params import HMC, NUTS, SGLD, Model, Sampler, Teacher


def hidden_widths(model: Model) -> tuple[int, ...]:
    """The units of each hidden layer.

    Raises:
        BadInput: for widths that do not fit the depth, or none at all.
    """
    if model.widths is None:
        if model.target_params is None:
            raise BadInput("the model has neither widths nor target_params", where="model.widths", hint="set one")
        return (solved_width(model.target_params, model.in_dim, model.out_dim, model.depth),) * model.depth
    if len(model.widths) != model.depth:
        raise BadInput(
            f"model.widths has {len(model.widths)} widths, but model.depth is {model.depth}",
            where="model.widths",
            hint=f"give {model.depth} widths, or set depth: {len(model.widths)}",
        )
    return model.widths


def check_model(model: Model) -> None:
    """Whether a model's sizes fit together.

    Raises:
        BadInput: where they do not, or where skip connections have nothing to connect.
    """
    widths = hidden_widths(model)
    if not model.skip_connections:
        return
    ends = range(model.residual_period, model.depth, model.residual_period)
    if not ends or any(widths[end] != widths[end - model.residual_period] for end in ends):
        raise BadInput(
            f"skip connections over {model.residual_period} of the layers {list(widths)} have nothing to add to",
            where="model.skip_connections",
            hint="more than residual_period hidden layers, of equal widths; or skip_connections: false",
        )


def teacher_widths(model: Model, teacher: Teacher) -> tuple[int, ...]:
    """The units of each hidden layer of a teacher: the student's, but for what the teacher says itself.

    Raises:
        BadInput: for widths that do not fit the depth.
    """
    own = hidden_widths(model)
    depth = teacher.depth or (len(teacher.widths) if teacher.widths else len(own))
    if teacher.widths is not None and len(teacher.widths) != depth:
        raise BadInput(
            f"teacher.widths has {len(teacher.widths)} widths, but teacher.depth is {depth}", where="teacher.widths"
        )
    if teacher.widths is not None:
        return teacher.widths
    if teacher.target_params is not None:
        return (solved_width(teacher.target_params, model.in_dim, model.out_dim, depth),) * depth
    return own if depth == len(own) else (max(own),) * depth


def check_teacher(model: Model, teacher: Teacher) -> None:
    """Whether a teacher's sizes fit together, and a linear one's rank the student's inputs and outputs.

    Raises:
        BadInput: where they do not.
    """
    teacher_widths(model, teacher)
    most = min(model.in_dim, model.out_dim)
    if teacher.rank is not None and teacher.rank > most:
        raise BadInput(
            f"teacher.rank is {teacher.rank}, but a matrix of {model.out_dim} × {model.in_dim} has rank {most} at most",
            where="teacher.rank",
        )


def check_sampler(sampler: Sampler) -> None:
    """Whether a sampler's numbers of steps leave draws that are worth their warm-up.

    Raises:
        BadInput: where they do not.
    """
    if isinstance(sampler, HMC | NUTS) and sampler.draws <= sampler.warmup:
        raise BadInput(
            f"{sampler.draws:,} draws are not more than the {sampler.warmup:,} steps of warm-up before them",
            where="sampler.draws",
            hint=f"draws above {sampler.warmup:,}, or a smaller warmup",
        )
    if isinstance(sampler, SGLD):
        sgld_draws(sampler)


def sgld_draws(sampler: SGLD) -> int:
    """How many draws the steps of SGLD after warm-up give.

    Raises:
        BadInput: fewer than four.
    """
    draws = (sampler.steps - sampler.warmup) // sampler.eval_every
    if draws < 4:
        raise BadInput(
            f"{sampler.steps:,} steps with {sampler.warmup:,} of warm-up, one evaluation in {sampler.eval_every:,}, "
            f"leave {max(0, draws)} draws, fewer than 4",
            where="sampler.steps",
            hint=f"{sampler.warmup + 4 * sampler.eval_every:,} steps or more, or a smaller warmup or eval_every",
        )
    return draws


def solved_width(target_params: int, in_dim: int, out_dim: int, depth: int) -> int:
    """The width h of `depth` equal hidden layers for which a network has about `target_params` parameters.

    With biases (those of the outputs left aside) it has P = ah² + bh parameters, a = depth − 1,
    b = (in + 1) + (depth − 1) + out; hence h = ⌊(−b + √(b² + 4aP))/2a⌋, and at least 1.
    """
    a = depth - 1
    b = (in_dim + 1) + (depth - 1) + out_dim
    if a == 0:
        return max(1, target_params // b)
    # ⌊(−b + ⌊√x⌋)/2a⌋ is ⌊(−b + √x)/2a⌋: what is below 2a·h in whole numbers is below it.
    return max(1, (math.isqrt(b * b + 4 * a * target_params) - b) // (2 * a))
