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


def write_page(flows: Sequence[Any], asked: tuple[Sequence[Any], ...], run: qd.Run) -> dict[str, Any]:
    """The page of the sweep, its tables and its figures.

    Args:
        flows: the runs of flow.
        asked: those of stat_test, anomaly and learning.
        run: of the page.
    """
    name_of = lineage.name_sweeps(one.chain for one in flows)
    found = summary.by_sweep(_jobs(name_of, *asked))
    tests, detection = summary.test_rows(found), summary.detection_rows(found)
    learning, gains = summary.learning_rows(found), summary.gain_rows(found)
    figures = {name: f"figures/{name}.png" for name in ("scores", "detection", "learning")}
    files: dict[str, Path] = {
        f"{name}_{kind}": run.file(f"figures/{name}.{kind}") for name in figures for kind in ("png", "pdf")
    }
    sweeps.factor_scores(tests, files["scores_png"], files["scores_pdf"])
    sweeps.detection(detection, files["detection_png"], files["detection_pdf"])
    sweeps.learning(learning, files["learning_png"], files["learning_pdf"])
    page = run.file("page.md")
    text = paging.page(_swept(flows, name_of, _permutations(flows[0].chain, asked)), figures, tests, detection, gains)
    page.write_text(text, encoding="utf-8")
    return {"runs": len(flows), "page": page, **_tables(tests, detection, run), **files}


def _swept(flows: Sequence[Any], name_of: Callable[[lineage.Chain], str], permutations: int) -> paging.Swept:
    losses: dict[str, list[float]] = {}
    contexts: dict[str, int] = {}
    chain = flows[0].chain
    for one in flows:
        sweep = name_of(one.chain)
        losses.setdefault(sweep, []).append(one.result.test_loss)
        contexts[sweep] = chain["catalog.classes"] + len(kept_factors(one.params.drop_variables))
    return paging.Swept(
        data=f"{chain['catalog.data_name']}, catalog {chain['catalog.catalog_name']}, from {chain['catalog.source']}",
        losses=losses,
        contexts=contexts,
        descriptions={name_of(one.chain): one.params.told.description for one in flows},
        seeds=sorted({one.params.seed for one in flows}),
        permutations=permutations,
    )


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


def _permutations(chain: Any, asked: tuple[Sequence[Any], ...]) -> int:
    return max((int(tree.get("permutations", 0)) for tree in asked[0][0].params.tests), default=0)
