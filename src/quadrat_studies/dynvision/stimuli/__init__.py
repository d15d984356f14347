"""Images in time, as tensors: what a test shows, what a training shows, and at which steps it asks for an answer."""

from .presentation import Presentation, present
from .timing import check_timing, reaction_mask, targets, training_order

__all__ = ["Presentation", "check_timing", "present", "reaction_mask", "targets", "training_order"]
