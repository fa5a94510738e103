"""What goes with each sublayer when it alone is removed, counted: MACs, parameters, bytes of activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.guard import nulls
from harness.collectors.metrics import answer
from harness.collectors.singles import chosen, facts, twin, whole_of
from harness.records import Asked, Measurement

if TYPE_CHECKING:
    from torch import Tensor, nn

MACS, PARAMS, ACTIVATIONS = "sublayer_macs", "sublayer_params", "sublayer_activation_bytes"


@collectors.register("sublayer_counts")
class SublayerCounts(CostCollector):
    """MACs, parameters and activation bytes that go with each sublayer, per item; the value is the whole network's.

    Activation bytes are of every tensor that some module is given or gives out in a pass over one item, each counted
    once, in the precision of the weights: all that a pass makes, and no peak of what it holds at a time.
    """

    kind: ClassVar[Literal["exact", "noisy"]] = "exact"
    of_baselines: ClassVar[bool] = True

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=metric) for metric in (MACS, PARAMS, ACTIVATIONS))

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        held = chosen(subject, ())
        if isinstance(held, str):
            return nulls(self.asked(), "exact", held)
        whole, made = whole_of(subject), _made(subject, subject.baseline)
        found: dict[str, tuple[int, dict[str, float]]] = {
            MACS: (whole["macs"], {name: one.macs for name, one in held.items()}),
            PARAMS: (whole["params"], {name: one.params for name, one in held.items()}),
            ACTIVATIONS: (made, {name: made - _made(subject, one.without()) for name, one in held.items()}),
        }
        details = facts(whole, held)
        return tuple(
            answer(asked, "exact", value, by_sublayer=by_sublayer, details=details)
            for asked in self.asked()
            for value, by_sublayer in [found[asked.metric]]
        )


def _made(subject: Subject, net: nn.Module) -> int:
    """Bytes of all tensors that modules are given or give out, less the network's input and its weights.

    A tensor that only changes its shape, or passes through unchanged, keeps its bytes and counts once.
    """
    import torch
    from torch import Tensor
    from torch.utils._pytree import tree_leaves

    batch = subject.example(1)
    watched = twin(net)  # hooks on the network itself would stay in the way of its timings
    held: dict[int, Tensor] = {}  # alive to the end, so that no place in memory is given out twice

    def see(_: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        held.update({_place(leaf): leaf for leaf in tree_leaves((args, kwargs, output)) if isinstance(leaf, Tensor)})

    for module in watched.modules():
        module.register_forward_hook(see, with_kwargs=True)
    with torch.inference_mode():
        subject.task.forward(watched, batch)
    given = {_place(tensor) for tensor in (batch.inputs, *watched.parameters(), *watched.buffers())}
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in given)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
