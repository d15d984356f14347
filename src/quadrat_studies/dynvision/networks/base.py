"""The base of all networks: a pass over frames in time."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from quadrat import BadInput

from .frames import as_frames, check_order
from .operations import Layered, Observer, Pass
from .schedules import run_fast, run_naive

SCHEDULES = {"fast": run_fast, "naive": run_naive}


class RecurrentNetwork(Layered):
    """A network with a past. A subclass makes the modules of its layers' operations, and its classifier."""

    def forward(
        self,
        frames: Tensor,
        order: Sequence[int] | None = None,
        *,
        blank: float = 0.0,
        idle: int | None = None,
        ffonly: bool | None = None,
        tbptt: int | None = None,
        observe: Observer | None = None,
        schedule: str = "fast",
    ) -> Tensor:
        """The answers at every step.

        Args:
            frames: (B, F, C, H, W); also (B, C, H, W), (C, H, W) or (H, W) for one frame.
            order: for each step which frame is shown, −1 for the blank one; None shows each frame once.
            blank: value of the blank frame.
            idle: steps with input 0 before the first one, which are not observed and have no gradients. This and the
                next two: None is as the model has it.
            ffonly: without recurrence, skip and feedback.
            tbptt: steps after which what is remembered is cut off from gradients.
            observe: told the activity of each layer at its record point.
            schedule: "fast", or "naive" for one step and one operation after the other: the same numbers.

        Returns:
            (B, T, n_classes) logits; zeros at steps at which nothing has arrived at the classifier.

        Raises:
            BadInput: for a shape, an order or a number of steps that does not fit, or a schedule that does not exist.
        """
        if schedule not in SCHEDULES:
            raise BadInput(f"there is no schedule '{schedule}'", where="schedule", hint="fast or naive")
        given = as_frames(frames, self.image)
        steps = tuple(range(given.shape[1])) if order is None else tuple(order)
        check_order(steps, given.shape[1])
        idle = self.model.idle if idle is None else idle
        ffonly = self.model.ffonly if ffonly is None else ffonly
        tbptt = self.model.tbptt if tbptt is None else tbptt
        run = SCHEDULES[schedule]
        return run(self, given.transpose(0, 1), Pass(steps, blank, idle, ffonly, tbptt, observe)).transpose(0, 1)
