"""What is known of each data set before any of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from quadrat import BadInput, suggest


@dataclass(frozen=True)
class Dataset:
    """A data set as the models see it.

    Attributes:
        name: what it is called in configurations and file names.
        image: (C, H, W) of one image as the models get it; H = W.
        native: side in pixels of the images as published, None where it varies.
        mean, std: for each channel, of the training images on [0, 1]; inputs are normalised by them.
        n_classes: number of classes.
        classes: their names in the order of the labels, None where the folders tell them.
        mirrors: whether the mirror image of an image is of the same class, so that training may flip it.
        renamed: classes by the name of their folder as published, where that is a code.
    """

    name: str
    image: tuple[int, int, int]
    native: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    n_classes: int
    classes: tuple[str, ...] | None = None
    mirrors: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)


_DIGITS = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905  (a hundred lines as a literal)
)
_IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "english_springer",
    "n02979186": "cassette_player",
    "n03000684": "chain_saw",
    "n03028079": "church",
    "n03394916": "french_horn",
    "n03417042": "garbage_truck",
    "n03425413": "gas_pump",
    "n03445777": "golf_ball",
    "n03888257": "parachute",
}
_CIFAR_MEAN, _CIFAR_STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

DATASETS: dict[str, Dataset] = {
    one.name: one
    for one in (
        Dataset("digits", (1, 8, 8), 8, (0.3051,), (0.3761,), 10, _DIGITS, mirrors=False),
        Dataset("mnist", (1, 28, 28), 28, (0.1307,), (0.3081,), 10, _DIGITS, mirrors=False),
        Dataset("cifar10", (3, 32, 32), 32, _CIFAR_MEAN, _CIFAR_STD, 10, _CIFAR10),
        Dataset("cifar100", (3, 32, 32), 32, _CIFAR_MEAN, _CIFAR_STD, 100, _CIFAR100),
        Dataset("tinyimagenet", (3, 64, 64), 64, (0.480, 0.448, 0.397), (0.277, 0.269, 0.282), 200),
        Dataset(
            "imagenette",
            (3, 224, 224),
            None,
            _IMAGENET_MEAN,
            _IMAGENET_STD,
            10,
            tuple(sorted(_IMAGENETTE.values())),
            renamed=_IMAGENETTE,
        ),
        Dataset("imagenet", (3, 224, 224), None, _IMAGENET_MEAN, _IMAGENET_STD, 1000),
    )
}


def dataset(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        BadInput: there is none; the nearest name is told.
    """
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS, where="data_name")
    return DATASETS[name]


def unknown(kind: str, name: str, known: Iterable[str], *, where: str) -> BadInput:
    """The error for a name that does not exist: it tells the nearest, else what there is."""
    return BadInput(f"unknown {kind} '{name}'", where=where, hint=suggest(name, sorted(known)))
