"""What the tasks of the study give: metrics and files."""

from __future__ import annotations

import quadrat as qd


class Found(qd.Result):
    """A data set as class folders (links to these, where it is mounted), with the checksum of their content."""

    train: qd.Links
    test: qd.Links
    train_ready: qd.File
    test_ready: qd.File
    train_images: int
    test_images: int
    classes: int
    sha256: str


class Linked(qd.Result):
    """The class folders of some classes, by links."""

    train: qd.Links
    test: qd.Links
    train_ready: qd.File
    test_ready: qd.File
    classes: int


class Packed(qd.Result):
    """Images in the form that training reads."""

    train: qd.File
    val: qd.File
    train_images: int
    val_images: int


class PackedTest(qd.Result):
    """Images in the form that tests read."""

    test: qd.File
    test_images: int


class Initialised(qd.Result):
    """A model that is not trained."""

    weights: qd.File
    config: qd.File
    parameters: int
    """trainable parameters"""


class Trained(qd.Result):
    """A trained model."""

    weights: qd.File
    best: qd.File
    config: qd.File
    log: qd.File
    logs: qd.Folder
    checkpoints: qd.Folder
    epochs_done: int
    """epochs"""
    best_epoch: int
    """epoch of the best weights"""
    train_acc: float
    """training accuracy"""
    train_loss: float
    """training loss (nats)"""
    val_acc: float
    """validation accuracy"""
    val_loss: float
    """validation loss (nats)"""


class Tested(qd.Result):
    """What a model answers, and how it responds."""

    outputs: qd.File
    config: qd.File
    responses: qd.Temp
    images: int
    peak_accuracy: float
    """largest accuracy at any time"""
    accuracy: float
    """accuracy while the stimulus is there"""
    confidence: float
    """confidence in the label while the stimulus is there"""


class Kept(qd.Result):
    """The responses of a test, to stay."""

    responses: qd.File


class Processed(qd.Result):
    """Answers and responses of a test in one table."""

    table: qd.File
    classifier: qd.File
    rows: int


class Aggregated(qd.Result):
    """The tables of an experiment in one."""

    table: qd.File
    csv: qd.File
    classifier: qd.File
    rows: int
    tests: int


class Figure(qd.Result):
    """A figure, for print and for the screen."""

    pdf: qd.File
    png: qd.File


class Flagged(Figure):
    """A figure, and a file that says that it is done."""

    flag: qd.File


class Figures(qd.Result):
    """A folder of figures, and a file that says which there are."""

    figures: qd.Folder
    flag: qd.File


class Compared(qd.Result):
    """Figures across models, and the sign that they are done."""

    figures: qd.Folder
    done: qd.File


class Finished(qd.Result):
    """The sign that an experiment is done: the names of its figures."""

    done: qd.File
