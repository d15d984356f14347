"""What the tasks of figures and of the page do with their runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

import quadrat as qd

from . import paging, summary
from .catalog import reading
from .figures import curves, images, maps, sweeps
from .inference import encoding
from .inference.embedding import open_embeddings
from .params import Catalog
from .statistics.outcome import NORMAL
from .training import loading


def draw_vae(ckpt: Path, latents: Path, catalog: Path, run: qd.Run) -> dict[str, Any]:
    """Reconstructions, and maps of the latents."""
    dataset = reading.open_catalog(catalog)
    files = {name: run.file(f"{name}.png") for name in ("reconstructions", "maps")}
    images.reconstructions(loading.vae_of(ckpt), dataset, files["reconstructions"])
    means = encoding.open_latents(latents).mean.numpy()
    maps.latent_maps(dataset.assign(z=(("sample", "latent"), means)).assign_attrs(factors=[]), "z", files["maps"])
    return files


def draw_sweep(flow: Any, embed: Any, anomaly: Sequence[Any], run: qd.Run) -> dict[str, Any]:
    """The figures of one sweep: of its first seed, and ROC curves over all."""
    spec = Catalog.model_validate(
        {name.removeprefix("catalog."): value for name, value in flow.chain.items() if name.startswith("catalog.")}
    )
    embeddings = open_embeddings(embed.result.zarr)
    files = {name: run.file(f"{name}.png") for name in ("samples", "maps", "log_prob", "roc")}
    images.samples(loading.load(flow.result.ckpt), spec, tuple(embeddings.attrs["factors"]), files["samples"])
    maps.latent_maps(embeddings, "u", files["maps"])
    curves.log_prob_histograms(embeddings, files["log_prob"])
    curves.roc_curves([summary.open_scores(one.result.scores) for one in anomaly], files["roc"])
    return files


def write_page(
    flows: Sequence[Any], asked: tuple[Sequence[Any], ...], drawn: Sequence[Any], vaes: Sequence[Any], run: qd.Run
) -> dict[str, Any]:
    """The page of the sweep, its tables and its figures.

    Args:
        flows: the runs of flow.
        asked: those of stat_test, anomaly and learning.
        drawn: those of pictures.
        vaes: those of vae_pictures.
        run: of the page.
    """
    found = summary.by_sweep(_jobs(*asked))
    tests, detection = summary.test_rows(found), summary.detection_rows(found)
    learning, gains = summary.learning_rows(found), summary.gain_rows(found)
    files: dict[str, Path] = {
        f"{name}_{kind}": run.file(f"{name}.{kind}")
        for name in ("scores", "detection", "learning")
        for kind in ("png", "pdf")
    }
    sweeps.factor_scores(tests, files["scores_png"], files["scores_pdf"])
    sweeps.detection(detection, files["detection_png"], files["detection_pdf"])
    sweeps.learning(learning, files["learning_png"], files["learning_pdf"])
    tables = {"tests": run.file("tests.csv"), "anomalies": run.file("anomalies.csv")}
    pl.DataFrame([{k: v for k, v in row.items() if k != "effects"} for row in tests]).write_csv(tables["tests"])
    pl.DataFrame(detection).write_csv(tables["anomalies"])
    losses: dict[str, list[float]] = {sweep: [] for sweep in found}
    for one in flows:
        losses[summary.sweep_name(one.params.drop_variables)].append(one.result.test_loss)
    chain = flows[0].chain
    page = run.file("page.html")
    paging.render(
        page,
        title=f"{chain['catalog.data_name']}: flows on the latents of a VAE",
        data=f"{chain['catalog.data_name']}, catalog {chain['catalog.catalog_name']}, from {chain['catalog.source']}",
        jobs=len(flows),
        sweeps=list(found),
        seeds=sorted({one.params.seed for one in flows}),
        says=paging.says(tests, detection, gains),
        overview=paging.overview(tests, losses, _contexts(found, chain["catalog.classes"])),
        images={name: paging.embedded(files[f"{name}_png"]) for name in ("scores", "detection", "learning")},
        permutations=_permutations(chain, asked),
        tests=sum(row["seeds"] for row in tests),
        dependence={
            sweep: paging.test_cells([r for r in tests if r["sweep"] == sweep and r["target"] != NORMAL])
            for sweep in found
        },
        normality=paging.test_cells([row for row in tests if row["target"] == NORMAL]),
        detection=paging.detection_cells(detection),
        gains=paging.gain_cells(gains),
        pictures=_pictures(found, drawn),
        vaes=[
            {name: paging.embedded(getattr(one.result, name)) for name in ("reconstructions", "maps")} for one in vaes
        ],
    )
    return {"runs": len(flows), "page": page, **tables, **files}


def _jobs(tests: Sequence[Any], anomalies: Sequence[Any], learnings: Sequence[Any]) -> list[summary.Job]:
    def key(one: Any) -> tuple[Any, ...]:
        chain = one.chain
        return tuple(
            chain["flow.drop_variables"] if "flow.drop_variables" in chain else chain["drop_variables"]
        ), chain["flow.seed"]

    scores, learnt = ({key(one): one.result for one in some} for some in (anomalies, learnings))
    return [
        summary.Job(key(one)[0], key(one)[1], one.result.table, scores[key(one)].scores, learnt[key(one)].table)
        for one in tests
        if key(one) in scores and key(one) in learnt
    ]


def _pictures(found: dict[str, Any], drawn: Sequence[Any]) -> dict[str, dict[str, str]]:
    shown = {summary.sweep_name(one.chain["flow.drop_variables"]): one.result for one in drawn}
    names = ("maps", "samples", "log_prob", "roc")
    return {
        sweep: {name: paging.embedded(getattr(shown[sweep], name)) for name in names}
        for sweep in found
        if sweep in shown
    }


def _contexts(found: dict[str, list[summary.Job]], classes: int) -> dict[str, int]:
    from .context import kept_factors

    return {sweep: classes + len(kept_factors(jobs[0].drop)) for sweep, jobs in found.items()}


def _permutations(chain: Any, asked: tuple[Sequence[Any], ...]) -> int:
    return max((int(tree.get("permutations", 0)) for tree in asked[0][0].params.tests), default=0)
