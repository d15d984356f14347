"""The density of the flow, against numbers that are known; and flows side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from quadrat_studies.wwdc import preparing
from quadrat_studies.wwdc.catalog import making, sources
from quadrat_studies.wwdc.inference import encoding
from quadrat_studies.wwdc.models.rgbmnist import VAE, Flow
from quadrat_studies.wwdc.params import Catalog
from quadrat_studies.wwdc.training import fitting, lanes, loading
from quadrat_studies.wwdc.training.batches import Batches
from quadrat_studies.wwdc.training.lightning_loaders import LightningFlow

TRAINER = {"_target_": "lightning.pytorch.Trainer", "accelerator": "cpu", "devices": 1, "max_epochs": 2}


def small_flow(features: int, context: int, seed: int = 0) -> LightningFlow:
    torch.manual_seed(seed)
    loader = LightningFlow(VAE(8, features, (3, 8, 8)), Flow(features, context, [16, 16], 2), size=features)
    loader.shift += torch.linspace(-1, 1, features)
    loader.spread *= torch.linspace(0.5, 2, features)
    return loader.double()


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1])
def test_log_p_integrates_to_one(seed: int) -> None:
    """In two dimensions, on a grid that holds all of the mass; for two conditions."""
    flow = small_flow(2, 3, seed)
    for weight in flow.flow.parameters():  # far from the identity
        weight *= 1.25
    side = torch.linspace(-20, 20, 801, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    for context in (torch.zeros(3), torch.tensor([1.0, -1.0, 0.5])):
        _, log_prob = flow.embed(z, context.double().expand(len(z), -1))
        assert float(log_prob.exp().sum() * (side[1] - side[0]) ** 2) == pytest.approx(1, abs=2e-3)


@torch.no_grad()
def test_log_p_is_exact_where_the_flow_is_a_gaussian() -> None:
    """Networks without weights leave one affine map: z is Gaussian, with a density in closed form."""
    flow = small_flow(5, 3)
    for name, weight in flow.flow.named_parameters():
        if name.endswith("weight"):
            weight.zero_()
    context = torch.randn(1, 3, dtype=torch.float64)
    eye = torch.eye(5, dtype=torch.float64)
    mean = flow.sample(torch.zeros(1, 5, dtype=torch.float64), context)[0]
    factor = (flow.sample(eye, context.expand(5, -1)) - mean).T
    z = torch.randn(40, 5, dtype=torch.float64) * 2
    _, log_prob = flow.embed(z, context.expand(40, -1))
    expected = stats.multivariate_normal(mean.numpy(), (factor @ factor.T).numpy()).logpdf(z.numpy())
    np.testing.assert_allclose(log_prob.numpy(), expected, atol=1e-10)


def test_a_flow_that_is_trained_on_a_gaussian_finds_its_density() -> None:
    """z | c is Gaussian with a mean that depends on c: the fitted log p meets the closed form on new samples."""
    torch.manual_seed(1)
    root = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    context = torch.randint(0, 2, (4096, 1)).float()
    z = torch.randn(4096, 2) @ root.T + 2 * context
    flow = LightningFlow(VAE(8, 2, (3, 8, 8)), Flow(2, 1, [32, 32], 2), size=2)
    optimiser = torch.optim.Adam(flow.flow.parameters(), 5e-3)
    for _ in range(25):
        for batch, said in zip(z.split(256), context.split(256), strict=True):
            optimiser.zero_grad()
            (-flow.embed(batch, said)[1].mean()).backward()
            optimiser.step()
    said = torch.randint(0, 2, (4000, 1)).float()
    new = torch.randn(4000, 2) @ root.T + 2 * said
    with torch.no_grad():
        _, log_prob = flow.embed(new, said)
    truth = stats.multivariate_normal([0, 0], (root @ root.T).numpy()).logpdf((new - 2 * said).numpy())
    assert float(log_prob.mean()) == pytest.approx(truth.mean(), abs=0.03)


@torch.no_grad()
def test_samples_are_the_inverse_of_embeddings() -> None:
    flow = small_flow(4, 2)
    z, context = torch.randn(30, 4, dtype=torch.float64), torch.randn(30, 2, dtype=torch.float64)
    u, _ = flow.embed(z, context)
    torch.testing.assert_close(flow.sample(u, context), z, atol=1e-8, rtol=0)


def test_the_terms_of_the_bound_are_those_of_two_gaussians() -> None:
    """The divergence against torch's own, and the likelihood against scipy's."""
    torch.manual_seed(0)
    vae = VAE(8, 5, (3, 8, 8)).double()
    images, noise = torch.rand(6, 3, 8, 8, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    with torch.no_grad():
        rest, divergence = vae.terms(images, noise)
        mean, std = vae.encode(images)
        made = vae.decode(mean + std * noise)
    normal = torch.distributions.Normal
    known = torch.distributions.kl_divergence(normal(mean, std), normal(torch.zeros_like(mean), torch.ones_like(std)))
    torch.testing.assert_close(divergence, known.sum(1))
    sigma = math.exp(float(vae.log_sigma.detach()))
    log_p = stats.norm(made.numpy(), sigma).logpdf(images.numpy()).sum((1, 2, 3))
    np.testing.assert_allclose(rest.numpy(), -log_p, rtol=1e-10)


@pytest.fixture(scope="module")
def flow_data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, preparing.FlowData, dict[str, Any]]:
    """Latents of an untrained VAE: enough to train flows on."""
    folder = tmp_path_factory.mktemp("flows")
    catalog = making.make(Catalog(images=300, anomalies=0), *sources.load("digits"))
    vae = {"_target_": "wwdc.models.rgbmnist.VAE", "hidden_dim": 8}
    job, tree = preparing.prepare_vae(
        {"_target_": "wwdc.training.lightning_loaders.LightningVAE", "vae": vae, "size": 6}, 1, catalog
    )
    ckpt = folder / "vae.ckpt"
    fitting.save(ckpt, tree, fitting.Fit(job.loader.state_dict(), 0.0, 0, []))
    latents = encoding.encode(loading.vae_of(ckpt), preparing.pixels(catalog))
    flow = {"_target_": "wwdc.models.rgbmnist.Flow", "features": 6, "hidden_features": [16], "transforms": 2}
    tree = {
        "_target_": "wwdc.training.lightning_loaders.LightningFlow",
        "vae": vae,
        "flow": flow,
        "size": 6,
        "batch_size": 64,
    }
    return ckpt, preparing.flow_data(Catalog(), catalog, latents, ["b"], tree), tree


def jobs(flow_data: Any, *settings: tuple[int, float]) -> list[fitting.Job]:
    ckpt, data, tree = flow_data
    return [preparing.prepare_flow({**tree, "lr": lr}, seed, ckpt, data)[0] for seed, lr in settings]


def test_a_lane_comes_out_as_if_it_were_alone(flow_data: Any, tmp_path: Path) -> None:
    """To the last bit, whatever is trained beside it."""
    settings = [(1, 1e-3), (2, 1e-3), (3, 5e-3)]
    together = jobs(flow_data, *settings)
    assert lanes.fits_together([job.loader for job in together], TRAINER)
    fused = fitting.fit(together, TRAINER, folder(tmp_path, "fused"))
    for number, setting in enumerate(settings):
        (alone,) = fitting.fit(jobs(flow_data, setting), TRAINER, folder(tmp_path, f"alone-{number}"))
        assert alone.history == fused[number].history
        assert all(torch.equal(alone.state[name], fused[number].state[name]) for name in alone.state)


def test_a_step_that_looks_across_lanes_is_not_shared(flow_data: Any) -> None:
    loaders = [job.loader for job in jobs(flow_data, (1, 1e-3), (2, 1e-3))]
    assert not lanes.fits_together(loaders, {**TRAINER, "gradient_clip_val": 1.0})
    wider = loading.new({**flow_data[2], "batch_size": 32}, 1, (3, 16, 16), 14)
    assert not lanes.fits_together([loaders[0], wider], TRAINER)


def test_a_training_goes_on_as_if_it_had_not_stopped(flow_data: Any, tmp_path: Path) -> None:
    longer = {**TRAINER, "max_epochs": 4}
    (whole,) = fitting.fit(jobs(flow_data, (1, 1e-3)), longer, folder(tmp_path, "whole"))
    broken = folder(tmp_path, "broken")

    def stop(lane: int, epoch: int, values: dict[str, float]) -> None:
        if epoch == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fitting.fit(jobs(flow_data, (1, 1e-3)), longer, broken, stop)
    told: list[int] = []
    (resumed,) = fitting.fit(jobs(flow_data, (1, 1e-3)), longer, broken, lambda lane, epoch, values: told.append(epoch))
    assert told == [3, 4]
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)


def test_the_order_of_batches_is_the_epochs_own() -> None:
    batches = Batches([torch.arange(10)], 4, seed=1)

    def order(epoch: int) -> list[int]:
        batches.set_epoch(epoch)
        return torch.cat([one for (one,) in batches]).tolist()

    first, second = order(0), order(1)
    assert first != second
    assert order(0) == first
    assert sorted(first) == list(range(10))
    assert len(batches) == 3


def folder(tmp_path: Path, name: str) -> Path:
    made = tmp_path / name
    made.mkdir()
    return made
