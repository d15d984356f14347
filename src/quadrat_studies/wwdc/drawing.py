"""What the tasks of figures and of the page do with their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import quadrat as qd

from . import lineage, paging, summary
from .catalog import reading
from .context import kept_factors
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
    name_of = lineage.name_sweeps(one.chain for one in flows)
    found = summary.by_sweep(_jobs(name_of, *asked))
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
    losses: dict[str, list[float]] = {}
    factors: dict[str, int] = {}
    for one in flows:
        losses.setdefault(name_of(one.chain), []).append(one.result.test_loss)
        factors[name_of(one.chain)] = len(kept_factors(one.params.drop_variables))
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
        overview=paging.overview(
            tests, losses, {sweep: chain["catalog.classes"] + count for sweep, count in factors.items()}
        ),
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
        descriptions={name_of(one.chain): one.params.told.description for one in flows},
        pictures=_pictures(found, {name_of(one.chain): one.result for one in drawn}),
        vaes=[
            {name: paging.embedded(getattr(one.result, name)) for name in ("reconstructions", "maps")} for one in vaes
        ],
    )
    return {"runs": len(flows), "page": page, **_tables(tests, detection, run), **files}


def _tables(tests: Sequence[summary.Row], detection: Sequence[summary.Row], run: qd.Run) -> dict[str, Path]:
    """The numbers of the page as files."""
    tables: dict[str, Path] = {name: run.file(f"{name}.csv") for name in ("tests", "anomalies")}
    pl.DataFrame([{k: v for k, v in row.items() if k != "effects"} for row in tests]).write_csv(tables["tests"])
    pl.DataFrame(detection).write_csv(tables["anomalies"])
    return tables


def _jobs(
    name_of: Callable[[lineage.Chain], str], tests: Sequence[Any], anomalies: Sequence[Any], learnings: Sequence[Any]
) -> list[summary.Job]:
    """What was asked of each flow; flows of which something failed are left out."""
    scores, learnt = ({lineage.same_flow(one.chain): one.result for one in some} for some in (anomalies, learnings))
    jobs = []
    for one in tests:
        key, chain = lineage.same_flow(one.chain), one.chain
        if key in scores and key in learnt:
            drop, seed = tuple(chain[lineage.DROP]), chain[lineage.SEED]
            files = one.result.table, scores[key].scores, learnt[key].table
            jobs.append(summary.Job(name_of(chain), drop, seed, *files))
    return jobs


def _pictures(found: dict[str, Any], shown: dict[str, Any]) -> dict[str, dict[str, str]]:
    names = ("maps", "samples", "log_prob", "roc")
    return {
        sweep: {name: paging.embedded(getattr(shown[sweep], name)) for name in names}
        for sweep in found
        if sweep in shown
    }


def _permutations(chain: Any, asked: tuple[Sequence[Any], ...]) -> int:
    return max((int(tree.get("permutations", 0)) for tree in asked[0][0].params.tests), default=0)
