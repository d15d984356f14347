"""What the tasks give: metrics and files."""

from __future__ import annotations

import quadrat as qd


class Made(qd.Result):
    """A catalog."""

    zarr: qd.Folder
    train: int
    """training samples"""
    val: int
    test: int
    anomaly: int
    """anomalous samples"""


class Fitted(qd.Result):
    """A trained VAE; losses in nats for an image."""

    val_loss: float
    """validation loss, -ELBO (nats)"""
    epoch: int
    """epoch of the least validation loss"""
    ckpt: qd.File
    info: qd.File
    config: qd.File
    metrics: qd.Folder


class Encoded(qd.Result):
    """The latents of a catalog."""

    latents: qd.File
    active: int
    """latent dimensions whose means vary (variance above 0.05)"""


class FlowFitted(qd.Result):
    """A trained flow; losses in nats for a sample."""

    val_loss: float
    """validation loss, -log p(z | context) (nats)"""
    test_loss: float
    """test loss, -log p(z | context) (nats)"""
    epoch: int
    """epoch of the least validation loss"""
    ckpt: qd.File
    info: qd.File
    config: qd.File
    metrics: qd.Folder


class Embedded(qd.Result):
    """Embeddings of one flow."""

    samples: int
    log_prob: float
    """mean log p(z | context) of the test samples (nats)"""
    zarr: qd.Folder
    info: qd.File


class Tested(qd.Result):
    """Statistical tests of one flow's embeddings."""

    tests: int
    rejected: int
    """tests rejected at 5% after Holm's correction"""
    conditioned: float | None
    """largest linear score of a factor that the flow was told, in u"""
    dropped: float | None
    """least linear score of a factor that it was not told, in u"""
    table: qd.File


class Detected(qd.Result):
    """Anomaly detection on one flow's embeddings."""

    kinds: int
    auroc: float | None
    """AUROC of -log p, all kinds together"""
    table: qd.File
    scores: qd.File


class Learned(qd.Result):
    """Active learning on one flow's embeddings."""

    gain: float | None
    """area under the learning curve of the best strategy, above that of random"""
    table: qd.File


class VaePictures(qd.Result):
    """Figures of a VAE."""

    reconstructions: qd.File
    """Reconstructions of test images and anomalies."""
    maps: qd.File
    """Test samples in z, the latents: maps by PCA and UMAP, coloured by factor."""


class Pictures(qd.Result):
    """Figures of one sweep."""

    samples: qd.File
    """Samples by requested colour and angle, drawn from one u under many conditions, first seed."""
    maps: qd.File
    """Test samples in u, first seed: maps by PCA and UMAP, coloured by factor."""
    log_prob: qd.File
    """log p of normal samples and of each kind of anomaly, first seed."""
    roc: qd.File
    """ROC curves of every detector for each kind of anomaly, mean over seeds."""


class Page(qd.Result):
    """The page of the sweep."""

    runs: int
    page: qd.File
    tests: qd.File
    anomalies: qd.File
    scores_png: qd.File
    scores_pdf: qd.File
    detection_png: qd.File
    detection_pdf: qd.File
    learning_png: qd.File
    learning_pdf: qd.File
