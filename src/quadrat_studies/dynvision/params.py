"""What can be set of data, models, trainings and tests. The models' own arguments are in `architectures`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

import quadrat as qd

from .architectures import AnyModel, DyRCNNx2
from .loaders import AnyLoader, StimulusDuration

STATUS = r"init|trained(-best|-epoch=[1-9]\d*)?"


class Named(qd.Params):
    """Which data set."""

    data_name: str = "digits"
    """data set"""


class Raw(Named):
    """A data set as class folders."""

    mounted: Annotated[str | None, qd.off_id()] = None
    """folder that has it already; else it is made, found in $QUADRAT_DATA, or downloaded"""


class Group(Named):
    """Some classes of a data set."""

    data_group: str = "all"
    """classes"""
    classes: tuple[str, ...] | None = None
    """their names; null for every class that there is"""


class Resolved(qd.Params):
    """How large images are."""

    data_resolution: int | None = Field(default=None, ge=1)
    """pixels of a side; null: as the data set has them"""


class Packing(Resolved):
    """The fast form of the images to train and validate on."""

    train_ratio: float = Field(default=0.9, gt=0, lt=1)
    """share of the training images to train on; the rest is for validation"""
    train_limit: int | None = Field(default=None, ge=1)
    """images to train and validate on, at most, the same number of each class; null: all"""
    use_ffcv: bool = False
    """write FFCV's own format, where it is installed"""


class PackingTest(Resolved):
    """The fast form of the images to test on."""

    test_limit: int | None = Field(default=None, ge=1)
    """images to test on, at most, the same number of each class; null: all"""


class Init(Resolved):
    """A model that is not trained yet."""

    model: AnyModel = DyRCNNx2()
    seed: int = Field(default=1, ge=0)
    """seed"""
    init_with_pretrained: bool = False
    """begin with published weights, where there are some for the model"""


class Training(qd.Params):
    """How a model is trained; everything random in it comes from the seed."""

    epochs: int = Field(default=300, ge=1)
    """epochs"""
    batch_size: int = Field(default=192, ge=1)
    """images of a step"""
    accumulate_grad_batches: int = Field(default=4, ge=1)
    """batches whose gradients make one step of the optimiser"""
    learning_rate: float = Field(default=2e-4, gt=0)
    """learning rate for 64 images a step: it grows with them up to 128, then with the root of their number"""
    weight_decay: float = Field(default=5e-4, ge=0)
    """weight decay"""
    recurrence_lr_factor: float = Field(default=0.2, gt=0)
    """factor of the learning rate of recurrent weights"""
    feedback_lr_factor: float = Field(default=0.5, gt=0)
    """factor of the learning rate of feedback weights"""
    scheduler_epochs: int | None = Field(default=500, ge=1)
    """epochs after which a cosine has taken the learning rate to zero; null: it stays"""
    gradient_clip: float | None = Field(default=None, gt=0)
    """largest norm of the gradient; null: as it is"""
    activityloss: float = Field(default=0.0, ge=0)
    """weight of the loss of activity"""
    activityloss_mode: Literal["absolute", "signed"] = "absolute"
    """absolute: the p-norm of a layer's activity; signed: its mean's absolute value"""
    activityloss_p: float = Field(default=1.0, ge=1)
    """p of the norm"""
    pattern: str = Field(default="1", pattern="^[01]*1[01]*$")
    """when the image is there: 1 and blank 0, stretched over the time steps"""
    shufflepattern: bool = False
    """permute the pattern for each batch"""
    lossrt: float = Field(default=4.0, ge=0)
    """reaction time: how long after an onset no answer is asked for (ms)"""
    voidinput: float = 0.0
    """value of blank frames; 0 is the mean of the data"""
    dsteps: int = Field(default=1, ge=1)
    """frames that the loader gives of an image; with more than one, pattern and lossrt are not applied"""
    dloader: Literal["ffcv", "torch", "none"] = "ffcv"
    """how images are augmented: ffcv or torch, as loaders of these names do; or none"""
    precision: Literal["32", "16-mixed", "bf16-mixed", "64"] = "32"
    """precision"""
    check_val_every_n_epoch: int = Field(default=1, ge=1)
    """epochs from validation to validation"""
    early_stop: int | None = Field(default=None, ge=1)
    """validations without a better loss after which training stops; null: never"""
    save_every: int | None = Field(default=None, ge=1)
    """epochs from one kept checkpoint to the next; null: only the best and the last are kept"""
    profiler: Annotated[Literal["simple", "advanced"] | None, qd.off_id()] = None
    """Lightning's profiler"""
    loggers: Annotated[tuple[Literal["tensorboard", "wandb"], ...], qd.off_id()] = ()
    """loggers beside the csv file"""
    log_every_n_steps: Annotated[int, qd.off_id()] = Field(default=50, ge=1)
    """steps from one record of the loggers to the next"""
    enable_progress_bar: Annotated[bool, qd.off_id()] = True
    """whether epochs are told; `quadrat run` draws a bar of them in a terminal only, so never in a job of a cluster"""


class Testing(qd.Params):
    """How a model is tested."""

    status: str = Field(default="trained", pattern=f"^({STATUS})$")
    """state of the model: init, trained, trained-best or trained-epoch=N"""
    loader: AnyLoader = StimulusDuration()
    idle: int | None = Field(default=None, ge=0)
    """steps without input before the first frame; null: as the model has it"""
    ffonly: bool | None = None
    """without recurrence, skip and feedback; null: as the model has it"""
    response_resolution: Literal["layer", "unit"] = "layer"
    """responses as mean and deviation of a layer, or of every unit"""
    test_batch_size: int = Field(default=32, ge=1)
    """images of a batch"""
    record_batches: int = Field(default=40, ge=1)
    """batches of which outputs are recorded"""
    response_batches: int = Field(default=12, ge=1)
    """batches of which responses are recorded"""


class Aggregating(qd.Params):
    """What varies between the tests of an experiment."""

    parameter: str = "stim"
    """argument of the loader or the test, or `epoch`"""
    category_name: str = ""
    """argument of the model that tells groups apart; none where it is empty"""
    focus: str = ""
    """measure of the experiment"""


TRAINING_ALIASES = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "data_presentation_pattern": "pattern",
    "shuffle_presentation_pattern": "shufflepattern",
    "loss_reaction_time": "lossrt",
    "non_input_value": "voidinput",
    "energyloss": "activityloss",
}
"""Further names of arguments of a training, in file names and in `model_args`."""
