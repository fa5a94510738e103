"""What a whole training batch goes through, by timm and from a seed: rectangles of noise, then mixup or cutmix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.datasets.chance import seeded
from harness.recipes import TrainOptions
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from timm.data.mixup import Mixup
    from torch import Tensor


class Mixing:
    """Batches of images (n, channels, height, width) with class indices in; where they mix, shares of classes out.

    Random erasing (Zhong et al. 2017): a rectangle of 2 to 33 % of an image becomes standard normal noise. Mixup
    (Zhang et al. 2018): l x + (1 - l) x', cutmix (Yun et al. 2019): a rectangle of share 1 - l from x'; l is drawn
    from Beta(alpha, alpha) once a batch, x' is the batch in reverse, and targets (n, classes) are mixed as the images
    are. With both, a fair coin decides for each batch. The last item of an odd batch has no partner and stays whole.
    """

    def __init__(self, options: TrainOptions, outputs: int, device: str) -> None:
        from timm.data.mixup import Mixup
        from timm.data.random_erasing import RandomErasing

        self.outputs = outputs
        self.erasing: RandomErasing | None = None
        if options.erase:
            self.erasing = RandomErasing(options.erase, mode="pixel", device=device)  # type: ignore[no-untyped-call]  # so in timm
        self.mixup: Mixup | None = None
        if options.mixes:
            # No smoothing here: the loss does it, once, for mixed and for plain targets alike.
            smoothing = {"label_smoothing": 0.0, "num_classes": outputs}
            self.mixup = Mixup(options.mixup, options.cutmix, **smoothing)  # type: ignore[no-untyped-call]  # so in timm

    def __call__(self, batch: Batch, seed: int) -> Batch:
        """Another batch; the one that is given stays as it is."""
        inputs, targets = batch.inputs.clone(), batch.targets
        with seeded(seed):
            if self.erasing is not None:
                inputs = self.erasing(inputs)
            if self.mixup is not None:
                inputs, targets = self._mixed(self.mixup, inputs, targets)
        return Batch(inputs, targets)

    def _mixed(self, mixup: Mixup, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        from timm.data.mixup import mixup_target

        paired = len(inputs) // 2 * 2
        shares: Tensor = mixup_target(targets, self.outputs)  # type: ignore[no-untyped-call]  # so in timm
        if paired:
            inputs[:paired], shares[:paired] = mixup(inputs[:paired], targets[:paired])
        return inputs, shares
