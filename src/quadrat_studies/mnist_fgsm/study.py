"""The study `mnist_fgsm`: train classifiers, attack them by FGSM, average over seeds.

`data → train → attack → seed_average → summary`. The science is in the modules beside this file; they are imported
inside the tasks, so that planning needs neither torch nor matplotlib.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

import quadrat as qd

study = qd.Study("mnist_fgsm", preload=["torch", "safetensors.torch"])


class Data(qd.Params):
    """Which images."""

    dataset: Literal["digits", "mnist"] = "digits"
    """data set"""


class Prepared(qd.Result):
    """Images and labels, split into training and test, with the checksum of their content."""

    images: qd.File
    sha256: str
    train_images: int
    test_images: int


class Training(qd.Params):
    """One training; everything random in it comes from the seed."""

    num_epochs: int = Field(default=1, ge=1)
    """epochs"""
    batch_size: int = Field(default=128, ge=1)
    """batch size"""
    hidden_size: int = Field(default=64, ge=1)
    """hidden units"""
    learning_rate: float = Field(default=2e-4, gt=0)
    """learning rate"""
    dropout_prob: float = Field(default=0.0, ge=0, lt=1)
    """dropout probability"""
    seed: int = 1
    """seed"""


class Trained(qd.Result):
    """Accuracies in [0, 1], losses in nats; the file also holds what it takes to train on."""

    test_acc: float
    """test accuracy"""
    test_loss: float
    """test loss (nats)"""
    val_acc: float
    """validation accuracy"""
    val_loss: float
    """validation loss (nats)"""
    weights: qd.File


class Attack(qd.Params):
    """One attack (Goodfellow et al. 2015, arXiv 1412.6572)."""

    fgsm_epsilon: float = Field(default=0.05, ge=0)
    """attack strength ε"""
    attack_domain: Literal["pixel", "normalised_clamp"] = "pixel"
    """attack domain"""


class Attacked(qd.Result):
    """Accuracy among the test images that were right before the attack, and the first five that were fooled."""

    fgsm_acc: float
    """accuracy under attack"""
    examples: qd.File
    picture: qd.File


class Average(qd.Result):
    """Mean and sample standard deviation (ddof = 1; none for one seed) over the seeds of one combination."""

    seeds: int
    test_acc_avg: float
    test_acc_std: float | None
    test_loss_avg: float
    test_loss_std: float | None
    val_acc_avg: float
    val_acc_std: float | None
    val_loss_avg: float
    val_loss_std: float | None
    fgsm_acc_avg: float
    fgsm_acc_std: float | None


class Summary(qd.Result):
    """All averages in one table, and the figures of them."""

    combinations: int
    table: qd.File
    accuracy: qd.File
    accuracy_png: qd.File
    """Accuracy against dropout, means over seeds."""
    attack: qd.File
    attack_png: qd.File
    """Accuracy under attack, means over seeds."""


@study.task
def data(params: Data, run: qd.Run) -> Prepared:
    """Read the images (MNIST's files from $QUADRAT_DATA/mnist, downloaded where they are missing)."""
    from . import datasets

    arrays = datasets.load(params.dataset)
    file = run.file("images.safetensors")
    checksum = datasets.save(arrays, file)
    return Prepared(
        images=file, sha256=checksum, train_images=len(arrays.train_images), test_images=len(arrays.test_images)
    )


@study.check(data)
def data_at_hand(params: Data) -> None:
    """Say at once, before anything runs, where the images would have to be."""
    from . import datasets

    datasets.check(params.dataset)


@study.task(extends="num_epochs", memory="1GB", walltime="10m")
def train(params: Training, data: qd.Done[Data, Prepared], run: qd.Run) -> Trained:
    """Train one classifier, on from the nearest finished shorter training of the same settings."""
    from .state import TrainSpec, load_state
    from .tensors import open_data
    from .training import train as fit

    spec = TrainSpec(**params.model_dump(exclude={"seed"}))
    start = load_state(run.previous.result.weights) if run.previous else None

    def tell(epoch: int, values: dict[str, float]) -> None:
        run.log(epoch, **values)
        run.progress(epoch, params.num_epochs, "epochs")

    outcome = fit(spec, open_data(data.result.images), run.seed, start, tell)
    file = run.file("weights.safetensors")
    outcome.state.save(file)
    return Trained(**outcome.metrics, weights=file)


@study.task(memory="1GB", walltime="5m")
def attack(params: Attack, train: qd.Done[Training, Trained], data: qd.Done[Data, Prepared], run: qd.Run) -> Attacked:
    """Attack one classifier on the whole test set."""
    from .attack import attack as fool
    from .gallery import examples_figure
    from .state import load_state
    from .tensors import open_data

    network = load_state(train.result.weights, moments=False).network()
    attacked = fool(network, open_data(data.result.images), params.fgsm_epsilon, params.attack_domain)
    examples, picture = run.file("examples.npz"), run.file("examples.png")
    attacked.examples.save(examples)
    examples_figure(attacked.examples, picture)
    return Attacked(fgsm_acc=attacked.fgsm_acc, examples=examples, picture=picture)


@study.task
def seed_average(
    attack: Annotated[qd.Many[Attack, Attacked], qd.over("seed", missing="drop")],
    train: Annotated[qd.Many[Training, Trained], qd.over("seed", missing="drop")],
) -> Average:
    """Average one combination of everything but the seed, over the seeds that there are."""
    from .report import seed_averages

    trained = {one.params.seed: one.result for one in train}
    rows = []
    for one in attack:
        row = settings(one)
        metrics = trained[row["seed"]].model_dump(exclude={"weights"})
        rows.append({**row, **metrics, "fgsm_acc": one.result.fgsm_acc})
    (average,) = seed_averages(rows)
    return Average(**{name: average[name] for name in Average.model_fields})


@study.task
def summary(seed_average: Annotated[qd.Many[Any, Average], qd.by(missing="drop")], run: qd.Run) -> Summary:
    """Write the table of all averages, and draw accuracy against dropout and attack."""
    from .figures import accuracy_figure, attack_figure
    from .report import write_table

    rows = [{**settings(one), **one.result.model_dump()} for one in seed_average]
    table = write_table(rows, run.file("analysis").parent)
    accuracy = accuracy_figure(rows, run.file("accuracy"), ("pdf", "png"))
    attacked = attack_figure(rows, run.file("attack"), ("pdf", "png"))
    return Summary(
        combinations=len(rows),
        table=qd.File(table),
        accuracy=qd.File(accuracy[0]),
        accuracy_png=qd.File(accuracy[1]),
        attack=qd.File(attacked[0]),
        attack_png=qd.File(attacked[1]),
    )


def settings(run: qd.Done[Any, Any]) -> dict[str, Any]:
    """The parameters of a run and of all that it is made from, by their plain names."""
    return {name.rpartition(".")[2]: value for name, value in run.chain.items()}


study.view(summary, "analysis/output_avg_std_of_seed_txt_filename.txt", artifact="table")
study.view(summary, "figures/accuracy.pdf", artifact="accuracy")
study.view(summary, "figures/accuracy.png", artifact="accuracy_png")
study.view(summary, "figures/attack.pdf", artifact="attack")
study.view(summary, "figures/attack.png", artifact="attack_png")
study.view(
    attack,
    "figures/examples/{dataset}_epochs{num_epochs}_dropout{dropout_prob}_seed{seed}_{id:.8}.png",
    artifact="picture",
)

study.section("Accuracy and attack", summary, "accuracy_png", "attack_png")

# The names by which users of the signac project ask for its five parts; part 1 only wrote down the state points, which
# is what planning does.
study.part("part_1_initialize_signac_command")
study.part("part_2_download_data_command", data)
study.part("part_3_train_and_test_command", train)
study.part("part_4_fgsm_attack_command", attack)
study.part("part_5_seed_analysis_command", seed_average, summary)
