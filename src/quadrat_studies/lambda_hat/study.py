"""The study `lambda_hat`: local learning coefficients λ̂ of trained networks, N targets × M samplers.

`target → sample → diagnose`, and `summary` of all. A target is trained once for all samplers; runs of one sampler on
one target that differ in seed, step size or posterior are computed in one call. The science is in the modules beside
this file; they are imported inside the tasks, so that planning needs no JAX.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

import quadrat as qd

from .experiments import resolve_samplers, resolve_targets, split_loss
from .params import HMC, AnySampler, Data, Model, Posterior, Teacher, Training

study = qd.Study(
    "lambda_hat",
    preload=["jax", "optax", "safetensors.numpy", "h5netcdf", "matplotlib.figure", "matplotlib.backends.backend_agg"],
    project_config="config/experiments.yaml",
    settings_as={"store_root": "store"},
)


class Target(qd.Params):
    """A network, trained to a minimum on data of a teacher."""

    model: Model = Model(widths=(4, 4))
    data: Data = Data()
    teacher: Teacher | None = None
    training: Training = Training()
    seed: int = Field(default=42, ge=0)
    """seed of the target"""
    jax_enable_x64: bool = True


class Built(qd.Result):
    """A trained target."""

    L0: float
    """loss at the minimum L₀"""
    grad_norm: float
    """norm of the gradient at w₀"""
    n: int
    """examples"""
    p: int
    """parameters"""
    steps: int
    """training steps"""
    meta: qd.File
    params: qd.File
    data: qd.File


class Sampling(qd.Params):
    """A sampler on a tempered local posterior."""

    sampler: AnySampler = HMC()
    posterior: Posterior = Posterior()


class Sampled(qd.Result):
    """An estimate of the local learning coefficient."""

    llc_mean: float
    """λ̂"""
    llc_std: float
    """standard deviation of the draws"""
    llc_sem: float | None
    """Monte Carlo standard error of λ̂"""
    llc_min: float
    llc_max: float
    ess: float | None
    """effective sample size"""
    ess_bulk: float | None
    ess_tail: float | None
    r_hat: float | None
    """r̂"""
    divergences: int
    """divergent draws"""
    fge: float
    """gradients on all data"""
    fge_warmup: float
    """gradients on all data, in warm-up"""
    walltime_sec: float
    """computing time (s)"""
    converged: Annotated[bool, qd.valid()]
    """whether r̂ ≤ 1.05 and ESS ≥ 100; for vi whether q covers the posterior"""
    analysis: qd.File
    trace: qd.File


class Diagnosed(qd.Result):
    """Figures of one run."""

    trace: qd.File
    rank: qd.File
    energy: qd.File
    acf: qd.File
    running_llc: qd.File
    llc_convergence_combined: qd.File
    wnv: qd.File


class Summary(qd.Result):
    """The page of a sweep."""

    runs: int
    not_converged: int
    page: qd.File
    table: qd.File
    llc: qd.File
    llc_pdf: qd.File
    convergence: qd.File
    convergence_pdf: qd.File
    work_variance: qd.File
    work_variance_pdf: qd.File
    cost: qd.File
    cost_pdf: qd.File


@study.space
def experiments(
    targets: list[dict[str, Any]],
    samplers: list[dict[str, Any]],
    jax_enable_x64: bool = True,
    posterior: dict[str, Any] = {},  # noqa: B006 - the study's settings; never changed
    training: dict[str, Any] = {},  # noqa: B006
    presets: dict[str, Any] = {},  # noqa: B006
) -> dict[str, qd.Space]:
    """Every target with every sampler."""
    posterior, training = split_loss(posterior, training)
    return {
        "target": qd.points(resolve_targets(targets, presets, training, jax_enable_x64)),
        "sample": qd.points(resolve_samplers(samplers, posterior, jax_enable_x64)),
    }


@study.task(rule="build_target", memory="4GB", walltime="1h")
def target(params: Target, run: qd.Run) -> Built:
    """Train a target to its minimum w₀."""
    from . import targets
    from .runtime import both_precisions

    precision = "float64" if params.jax_enable_x64 else "float32"
    with both_precisions():
        built = targets.build(params.model, params.data, params.teacher, params.training, run.seed("target"), precision)
        files = {name: run.file(f"{name}.safetensors") for name in ("params", "data")}
        targets.save(built, files["params"], files["data"])
    configs = {
        "model_cfg": params.model.model_dump(mode="json"),
        "data_cfg": params.data.model_dump(mode="json"),
        "training_cfg": params.training.model_dump(mode="json"),
        "teacher_cfg": params.teacher and params.teacher.model_dump(mode="json"),
    }
    meta = run.file("meta.json")
    meta.write_text(targets.meta(built, target_name(run.id), configs, params.seed, precision), encoding="utf-8")
    return Built(
        L0=built.minimum.loss,
        grad_norm=built.minimum.grad_norm,
        n=params.data.n_data,
        p=built.network.d,
        steps=built.minimum.steps,
        meta=meta,
        **files,
    )


@study.check(target)
def target_fits(params: Target) -> None:
    """The sizes of a network fit together."""
    from .shapes import check_model, check_teacher

    check_model(params.model)
    if params.teacher:
        check_teacher(params.model, params.teacher)


@study.task(rule="run_sampler", memory="4GB", walltime="4h")
def sample(params: Sampling, target: qd.Done[Target, Built], run: qd.Run) -> Sampled:
    """Sample the local posterior around w₀, and estimate λ."""
    ((_, result),) = sample_many([params], target, [run])
    if isinstance(result, Sampled):
        return result
    raise qd.QuadratError(result.reason)


@study.batch(sample, varies=["posterior", "sampler.seed", "sampler.step_size", "sampler.L"])
def sample_many(
    params: list[Sampling], target: qd.Done[Target, Built], runs: list[qd.Run]
) -> Iterator[tuple[qd.Run, Sampled | qd.Failed]]:
    """Sample several times, as many side by side as pays."""
    from . import sampling
    from .runtime import both_precisions

    with both_precisions():
        about = sampling.Origin(target_name(target.id), target.result.L0, target.result.params, target.result.data)
        jobs = [
            sampling.Request(
                one, run_name(run.id, one), run.seed("sample"), run.file("analysis.json"), run.file("trace.nc")
            )
            for one, run in zip(params, runs, strict=True)
        ]
        chain = target.params
        done = sampling.sample(about, (chain.model, chain.data, chain.training), jobs, runs[0].progress)
        for run, values in zip(runs, done, strict=True):
            if isinstance(values, str):
                yield run, qd.Failed(values)
                continue
            metrics = {name: values[name] for name in Sampled.model_fields if name in values}
            yield run, Sampled(**metrics, analysis=run.file("analysis.json"), trace=run.file("trace.nc"))


@study.check(sample)
def sample_can_run(params: Sampling) -> None:
    """The numbers of steps leave draws."""
    from .shapes import check_sampler

    check_sampler(params.sampler)


@study.task(memory="1GB", walltime="10m")
def diagnose(sample: qd.Done[Sampling, Sampled], run: qd.Run) -> Diagnosed:
    """Draw the figures of one sampler run."""
    from . import diagnostics

    folder = run.file("diagnostics/trace.png").parent
    drawn = diagnostics.draw(sample.result.trace, folder)
    return Diagnosed(**{name: qd.File(path) for name, path in drawn.items()})


@study.task(memory="2GB", walltime="10m")
def summary(sample: Annotated[qd.Many[Sampling, Sampled], qd.by(missing="drop")], run: qd.Run) -> Summary:
    """Tabulate and draw the estimates of all runs."""
    from .paging import summary_row
    from .summary import write_summary

    rows = [summary_row(one.params, one.chain, one.result.analysis) for one in sample]
    written = write_summary(rows, [one.result.trace for one in sample], run.file("summary.md").parent)
    counts = {"runs": len(rows), "not_converged": sum(not row["converged"] for row in rows)}
    return Summary(**counts, **{name: qd.File(path) for name, path in written.items()})


def target_name(run_id: str) -> str:
    """The name of a target's folder."""
    return f"tgt_{run_id[:12]}"


def run_name(run_id: str, params: Sampling) -> str:
    """The name of a sampler run's folder."""
    return f"run_{params.sampler.name}_{run_id[:8]}"


_TARGET = "targets/tgt_{id:.12}/"
_RUN = "targets/tgt_{target.id:.12}/run_{sampler.name}_{id:.8}/"
_FIGURES = "targets/tgt_{target.id:.12}/run_{sampler.name}_{sample.id:.8}/diagnostics/"
study.view(target, _TARGET + "meta.json", artifact="meta")
study.view(target, _TARGET + "params.safetensors", artifact="params")
study.view(target, _TARGET + "data.safetensors", artifact="data")
study.view(sample, _RUN + "analysis.json", artifact="analysis")
study.view(sample, _RUN + "trace.nc", artifact="trace")
for _name in Diagnosed.model_fields:
    study.view(diagnose, f"{_FIGURES}{_name}.png", artifact=_name)
study.view(summary, "summary/summary.md", artifact="page")
study.view(summary, "summary/summary.csv", artifact="table")
for _name in ("llc", "convergence", "work_variance", "cost"):
    study.view(summary, f"summary/{_name}.png", artifact=_name)
    study.view(summary, f"summary/{_name}.pdf", artifact=f"{_name}_pdf")

study.section("Local learning coefficients", summary, "page")
