"""Telling the next token of a text: cross entropy over real tokens, one row of logits a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import Problem, SpecError
from harness.recipes import TrainOptions
from harness.schema import Options
from harness.tasks.base import Batch, Description, Task
from harness.tasks.texts import UNSCORED, TextBatch, TextInput

if TYPE_CHECKING:
    from torch import Tensor, nn

EXAMPLE = 64  # tokens of a made-up item: enough for a proof, and costs state their own
LENGTHS = ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "context")


class LanguageModelling(Task):
    """Token ids (n, length) in, logits (n, length, vocabulary) out; targets are the tokens that come next (n, length).

    Items are padded on the right. No mask is given to the network: a causal one sees no padding where anything is
    scored, and so runs its fastest attention, with the numbers of the item alone.
    """

    name = "language_modelling"
    item = "document"
    answer = "tokens"
    needs_labels = False

    def model_options(self, data: Description) -> Options:
        return {}

    def input_config(self, net: nn.Module) -> TextInput:
        """From the network's own table of embeddings and its configuration."""
        embeddings: Any = getattr(net, "get_input_embeddings", lambda: None)()
        if embeddings is None:
            raise SpecError(f"{type(net).__name__} is no language model, and the data is text; ask for hf:NAME")
        config = getattr(net, "config", None)
        lengths = (getattr(config, name, None) for name in LENGTHS)
        context = next((int(n) for n in lengths if n), None)
        return TextInput(int(embeddings.num_embeddings), context, int(getattr(net, "unscored", 0)))

    def misfit(self, limits: Mapping[str, int], data: Description) -> str:
        vocabulary, context = limits.get("vocabulary", 0), limits.get("context")
        if data.outputs > vocabulary:
            return f"the data's tokenizer has {data.outputs:,} tokens, the network knows {vocabulary:,}; use its own"
        if context is not None and data.length is not None and data.length > context:
            return f"the data's context is {data.length:,} tokens, the network takes {context:,} at most"
        unscored = limits.get("unscored", 0)
        if data.length is not None and data.length <= unscored:
            seen = f"the network sees the first {unscored + 1:,} tokens of an item before it tells any"
            return f"the data's context is {data.length:,} tokens, and {seen}; a longer context would do"
        return ""

    def example(self, config: TextInput, items: int, device: str, seed: int = 0) -> TextBatch:
        """Token ids of equal chance, drawn on the CPU so that every device gets the same; nothing is padded."""
        import torch

        length = EXAMPLE if config.context is None else min(EXAMPLE, config.context)
        if device == "meta":
            drawn = torch.empty(items, length + 1, dtype=torch.int64, device="meta")
        else:
            generator = torch.Generator().manual_seed(seed)
            drawn = torch.randint(config.vocabulary, (items, length + 1), generator=generator)
        return TextBatch(drawn[:, :-1].contiguous(), drawn[:, 1:].contiguous()).to(device)

    def given(self, inputs: Tensor, targets: Tensor | None) -> TextBatch:
        """Token ids (n, length) without padding; their own next tokens are the targets, and the last has none."""
        if targets is None:
            targets = inputs.roll(-1, dims=1)
            targets[:, -1] = UNSCORED
        return TextBatch(inputs, targets)

    def forward(self, net: nn.Module, batch: Batch) -> Tensor:
        """Logits (n, length, vocabulary)."""
        outputs: Tensor = net(batch.inputs, use_cache=False).logits
        return outputs

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Mean over scored tokens of -sum_c q_c log p_c with q = (1 - s) onehot + s / vocabulary, in nats."""
        from torch.nn.functional import cross_entropy

        rows, targets = outputs.flatten(0, 1).float(), batch.targets.flatten()
        return cross_entropy(rows, targets, ignore_index=UNSCORED, label_smoothing=label_smoothing)

    def training_fault(self, options: TrainOptions) -> Problem | None:
        if options.label_smoothing:
            message = "a text is told by its likelihood, which smoothed targets take away from; set it to 0"
            return Problem("label_smoothing", message)
        if options.label_noise:
            return Problem("label_noise", "is of classes; the labels of a text are its own tokens")
        drawn = {"mixup": options.mixup, "cutmix": options.cutmix, "erase": options.erase}
        asked = [name for name, value in drawn.items() if value]
        asked += ["augment"] if options.augment != "none" else []
        return Problem(asked[0], "is of images; a text is trained on as it stands") if asked else None

    def scored(self, batch: Batch) -> int:
        return int((batch.targets != UNSCORED).sum())

    def predictions(self, batch: Batch) -> Tensor:
        return (batch.targets != UNSCORED).sum(dim=1)

    def answers(self, outputs: Tensor, batch: Batch) -> Tensor:
        return outputs[batch.targets != UNSCORED]

    def kept(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The log-likelihood of each scored token in float32, 0 elsewhere: (n, length)."""
        return log_likelihoods(outputs, batch.targets)

    def loss_of(self, kept: Tensor, batch: Batch) -> Tensor:
        return -kept.double().sum() / self.scored(batch)


def log_likelihoods(outputs: Tensor, targets: Tensor) -> Tensor:
    """ln p of each target under logits (n, length, vocabulary), in float32; 0 where nothing is scored: (n, length)."""
    import torch
    from torch.nn.functional import cross_entropy

    # Item by item: the logarithms of a whole batch would take as much memory again as its outputs.
    rows = [
        cross_entropy(row.float(), own, ignore_index=UNSCORED, reduction="none")
        for row, own in zip(outputs, targets, strict=True)
    ]
    return -torch.stack(rows)
