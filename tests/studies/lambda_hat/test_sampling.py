"""Runs alone and together, failures inside a call, what is kept, and what work is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quadrat as qd
from quadrat_studies.lambda_hat import estimate, sampling, study, targets
from quadrat_studies.lambda_hat.params import HMC, MCLMC, NUTS, SGLD, VI, Data, Model, Posterior, Sampler, Training
from quadrat_studies.lambda_hat.runtime import is_tiny
from quadrat_studies.lambda_hat.samplers import hamiltonian, mclmc, sgld
from quadrat_studies.lambda_hat.samplers.lanes import Job
from studies.lambda_hat.truths import TRUTHS

MODEL, DATA = Model(widths=(4, 4)), Data(n_data=100)
TRAINING = Training(steps=2000)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> sampling.Origin:
    """The small target, trained."""
    from quadrat_studies.lambda_hat.runtime import both_precisions

    folder = tmp_path_factory.mktemp("target")
    with both_precisions():
        target = targets.build(MODEL, DATA, None, TRAINING, 42, "float64")
        targets.save(target, folder / "params.safetensors", folder / "data.safetensors")
    params, data = folder / "params.safetensors", folder / "data.safetensors"
    return sampling.Origin("tgt_0", target.minimum.loss, params, data)


def sampled(origin: sampling.Origin, runs: list[study.Sampling], folder: Path) -> list[Any]:
    """What these runs give in one call."""
    from quadrat_studies.lambda_hat.runtime import both_precisions

    requests = []
    for number, params in enumerate(runs):
        own = folder / str(number)
        own.mkdir(parents=True)
        requests.append(sampling.Request(params, f"run_{number}", 7, own / "analysis.json", own / "trace.nc"))
    with both_precisions():
        return list(sampling.sample(origin, (MODEL, DATA, TRAINING), requests, lambda *_: None))


def runs_of(options: Sampler, count: int = 6) -> list[study.Sampling]:
    """Runs that differ in all that may differ."""
    found = []
    for number in range(count):
        varied = options.model_copy(update={"seed": number, "step_size": 0.02 * (1 + number)})
        posterior = Posterior(gamma=1.0 + number, beta0=1 + number / 10)
        found.append(study.Sampling(sampler=varied, posterior=posterior))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [HMC(draws=200, warmup=100), MCLMC(draws=100, num_steps=500), SGLD(steps=2000, warmup=200, dtype="float64")],
    ids=lambda options: str(options.name),
)
def test_together_and_one_by_one_are_the_same_bits(options: Sampler, origin: sampling.Origin, tmp_path: Path) -> None:
    runs = runs_of(options)
    if isinstance(options, SGLD):
        runs = [run.model_copy(update={"sampler": run.sampler.model_copy(update={"step_size": 1e-4})}) for run in runs]
    together = sampled(origin, runs, tmp_path / "together")
    alone = [sampled(origin, [run], tmp_path / f"alone{number}")[0] for number, run in enumerate(runs)]
    assert [one["llc_mean"] for one in together] == [one["llc_mean"] for one in alone]
    assert [one["ess"] for one in together] == [one["ess"] for one in alone]
    assert len({one["llc_mean"] for one in together}) == len(runs)


def test_how_many_runs_a_call_takes_depends_on_the_problem_alone() -> None:
    problem = TRUTHS["regular"].problem
    assert is_tiny(problem.n, problem.d)
    assert hamiltonian.width(problem, HMC()) == 4
    assert hamiltonian.width(problem, NUTS()) == mclmc.width(problem, MCLMC()) == sgld.width(problem, SGLD()) == 1


@pytest.mark.usefixtures("doubles")
def test_gradients_are_counted() -> None:
    problem = TRUTHS["regular"].problem
    fixed = HMC(draws=20, warmup=10, num_integration_steps=5, jitter=False, chains=2)
    (chains,) = hamiltonian.sample(problem, [Job(fixed, 10.0, 1.0, 1)])
    assert chains.fge.tolist() == [[5.0 * draw for draw in range(1, 21)]] * 2
    assert chains.fge_warmup == 2 * (1 + 10 * 5)
    jittered = HMC(draws=200, warmup=10, num_integration_steps=5, chains=1)
    (chains,) = hamiltonian.sample(problem, [Job(jittered, 10.0, 1.0, 1)])
    lengths = np.diff(chains.fge[0], prepend=0)
    assert set(lengths) == set(range(1, 10))
    assert lengths.mean() == pytest.approx(5, abs=0.1)
    halves = SGLD(steps=100, warmup=20, eval_every=10, batch_size=2, chains=3)
    (chains,) = sgld.sample(problem, [Job(halves, 10.0, 1.0, 1)])
    assert chains.loss.shape == (3, 8)
    assert chains.fge[0].tolist() == [5.0 * draw for draw in range(1, 9)]
    assert chains.fge_warmup == 3 * 20 * 0.5


@pytest.mark.usefixtures("doubles")
def test_parameters_are_kept_on_request_only() -> None:
    problem = TRUTHS["regular"].problem
    options = HMC(draws=20, warmup=10, chains=2, num_integration_steps=5)
    (chains,) = hamiltonian.sample(problem, [Job(options, 10.0, 1.0, 1)])
    assert chains.params is None
    kept = options.model_copy(update={"keep_params": True})
    (chains,) = hamiltonian.sample(problem, [Job(kept, 10.0, 1.0, 1)])
    assert chains.params is not None
    assert chains.params.shape == (2, 20, 4)
    assert chains.loss == pytest.approx(0.5 * np.square(chains.params).sum(-1), abs=1e-9)


@pytest.mark.slow
def test_a_chain_that_becomes_nan_fails_with_its_draw_and_the_others_go_on(
    origin: sampling.Origin, tmp_path: Path
) -> None:
    options = SGLD(steps=400, warmup=0, eval_every=10, step_size=1e-4)
    wild = options.model_copy(update={"step_size": 50.0})
    good, bad, again = sampled(origin, [study.Sampling(sampler=one) for one in (options, wild, options)], tmp_path)
    assert isinstance(bad, str)
    assert "at draw " in bad
    assert "a smaller step_size" in bad
    assert good["llc_mean"] == again["llc_mean"]
    assert not (tmp_path / "1" / "analysis.json").exists()


@pytest.mark.slow
def test_what_is_written_can_be_read_by_others(origin: sampling.Origin, tmp_path: Path) -> None:
    options = HMC(draws=200, warmup=100)
    (values,) = sampled(origin, [study.Sampling(sampler=options)], tmp_path)
    analysis = json.loads((tmp_path / "0" / "analysis.json").read_text(), parse_constant=pytest.fail)
    named = (
        "llc_mean llc_std llc_sem llc_min llc_max ess ess_bulk ess_tail r_hat divergences fge walltime_sec converged"
    )
    assert set(named.split()) <= set(analysis)
    assert analysis == values
    trace = estimate.arviz.from_netcdf(tmp_path / "0" / "trace.nc")
    draws = trace.posterior["llc"].values
    assert draws.shape == (4, 200)
    assert analysis["llc_mean"] == pytest.approx(draws.mean())
    losses = trace.posterior["L"].values
    assert draws == pytest.approx(analysis["n"] * analysis["beta"] * (losses - origin.loss0))
    assert {"energy", "diverging", "acceptance_rate", "step_size"} <= set(trace.sample_stats)
    assert trace.posterior.attrs["target_id"] == "tgt_0"


@pytest.mark.slow
@pytest.mark.parametrize("options", [SGLD(steps=600, warmup=100, step_size=1e-3), VI(steps=200, eval_samples=50)])
def test_float32_is_enough_for_sgld_and_vi(options: Sampler, origin: sampling.Origin, tmp_path: Path) -> None:
    (values,) = sampled(origin, [study.Sampling(sampler=options)], tmp_path)
    assert np.isfinite(values["llc_mean"])


def test_few_and_constant_draws_are_never_called_converged() -> None:
    constant = {
        "energy": np.zeros((2, 8)),
        "diverging": np.zeros((2, 8), bool),
        "fge": np.ones((2, 8)),
        "fge_warmup": 0.0,
    }
    from quadrat_studies.lambda_hat.samplers.lanes import Chains

    found = estimate.analyse(Chains(loss=np.zeros((2, 8)), **constant), 1.0, 0.0)  # type: ignore[arg-type]
    assert (found["converged"], found["ess"], found["r_hat"], found["llc_sem"]) == (False, None, None, None)
    noise = np.random.default_rng(0).normal(size=(2, 8))
    found = estimate.analyse(Chains(loss=noise, **constant), 1.0, 0.0)  # type: ignore[arg-type]
    assert not found["converged"]
    noise[1, 3:] = np.nan
    with pytest.raises(qd.QuadratError, match="chain 2 of 2 became nan at draw 4 of 8"):
        estimate.analyse(Chains(loss=noise, **constant), 1.0, 0.0)  # type: ignore[arg-type]
