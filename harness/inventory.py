"""Sublayers, shapes, parameters and MACs of a network, from the meta device; kept, so that reading needs no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError, Problem, SpecError, StoreError, UnknownNameError, unknown
from harness.families.base import Branch, Frame, Sublayer, Unit, emptied, outermost, units
from harness.hidden import Hidden, hidden_of
from harness.models.hub import made_with
from harness.own_code import code_digest
from harness.record_file import why
from harness.schema import Json, Options, Schema, digest, sealed, unsealed
from harness.tasks.catalogue import task_called
from harness.tasks.classification import Classification
from harness.whole_file import write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

REVISION = 5  # raised when an inventory of the same network would say something else

OWN = "architectures"  # the room of the networks that are written here, and change with it

MOST_ITEM, MOST_VALUES = 1 << 22, 1 << 28  # numbers of an item, and of weights, that are made up for a count


class SublayerInfo(Schema):
    """One sublayer with all it owns: parameters, MACs per item, and a digest of what they follow from (`shape`).

    `block_params` and `block_macs` are of what belongs to no branch of the block and goes with the last of them.
    """

    name: str
    kind: str
    depth: int
    block: str
    modules: tuple[str, ...]
    params: int
    macs: int
    shape: str
    block_params: int = 0
    block_macs: int = 0
    branch: Branch = Branch("", "", ())
    frame: Frame = Frame()


class Inventory(Schema):
    """A network as built: `input_size` (one item's shape), parameters, MACs per item, sublayers in order.

    `limits` are what data must keep to, by the task's own names. Where it `reads_values` (routed experts, early exits)
    its MACs are those of one made-up item, and weights and items decide what others cost. `foldable` counts parts with
    another form for inference; `code` is a digest of the networks of this package, for one of those; `hidden` are the
    hidden units of its MLPs.
    """

    architecture: str
    family: str
    input_size: tuple[int, ...]
    params: int
    macs: int
    foldable: int
    code: str
    sublayers: tuple[SublayerInfo, ...]
    reads_values: bool = False
    limits: dict[str, int] = {}
    hidden: tuple[Hidden, ...] = ()

    def chosen(self, names: Iterable[str]) -> tuple[SublayerInfo, ...]:
        """The sublayers of these names, in order of execution; raises UnknownNameError for any other."""
        wanted = set(names)
        known = [s.name for s in self.sublayers]
        if wanted - set(known):
            raise UnknownNameError(unknown("sublayer", name, known) for name in sorted(wanted - set(known)))
        return tuple(s for s in self.sublayers if s.name in wanted)

    def saved(self, names: Iterable[str]) -> tuple[int, int]:
        """Parameters, and MACs per item, that go with these sublayers, and with blocks of which none is left."""
        gone = outermost(self.chosen(names))
        blocks = emptied(gone)
        empty = {s.block: s for s in gone if s.block in blocks}
        params = sum(s.params for s in gone) + sum(s.block_params for s in empty.values())
        return params, sum(s.macs for s in gone) + sum(s.block_macs for s in empty.values())

    def saved_share(self, names: Iterable[str], cost: str) -> float:
        """The share of `macs` or of `params` that goes with these sublayers."""
        params, macs = self.saved(names)
        return macs / self.macs if cost == "macs" else params / self.params

    def units(self, target: str) -> tuple[Unit, ...]:
        """What a target can remove, in order of depth."""
        return units(tuple(_sublayer(info) for info in self.sublayers), target)


def structure(inventory: Inventory, removed: Iterable[str]) -> str:
    """12 hex digits, equal for sets of sublayers that leave, and take, as many of each kind and shape."""
    gone = {s.name for s in inventory.chosen(removed)}
    left = Counter(f"{s.kind} {s.shape}" for s in inventory.sublayers if s.name not in gone)
    taken = Counter(f"{s.kind} {s.shape}" for s in inventory.sublayers if s.name in gone)
    return digest([sorted(left.items()), sorted(taken.items())])


def take_inventory(
    architecture: str, options: Options, task_options: Options, task: str = Classification.name
) -> Inventory:
    """Builds the network without its weights and counts it; raises what `models.create` and `family_of` raise."""
    from harness.models import create

    own = task_called(task)
    net = create(architecture, options, task_options, device="meta")
    config = own.input_config(net)
    item = own.example(config, 1, "meta").inputs
    try:
        taken = inventory_of(net, architecture, item)
    except SpecError:
        # What looks at values to find its way (experts, early exits) has none to look at without weights.
        if item.numel() > MOST_ITEM or sum(p.numel() for p in net.parameters()) > MOST_VALUES:
            raise  # memory would not suffice, and nobody waits so long for a plan
        net = create(architecture, options, task_options, seed=0)
        taken = inventory_of(net, architecture, own.example(config, 1, "cpu").inputs)
    return taken.model_copy(update={"limits": config.limits()})


def inventory_of(net: nn.Module, architecture: str, item: Tensor) -> Inventory:
    """Counts a network on `item` (1, ...), which is where the network is; raises what `family_of` raises."""
    from harness.counting import count_macs
    from harness.families.catalogue import family_of

    family = family_of(net)
    size = tuple(item.shape[1:])
    try:
        count = count_macs(net, item)
    # What the network can be built for is not always one that it can run at.
    except (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        why = str(error).partition("\n")[0]
        raise SpecError(Problem("options", f"{architecture} cannot be run at {size}: {why}")) from None
    return Inventory(
        architecture=architecture,
        family=family.name,
        input_size=size,
        params=sum(p.numel() for p in net.parameters()),
        macs=count.total,
        foldable=sum(map(_is_foldable, list(net.modules())[1:])),
        code=code_digest(OWN) if type(net).__module__.startswith(f"harness.{OWN}.") else "",
        sublayers=tuple(_described(net, s, count.by_module) for s in family.sublayers(net)),
        reads_values=bool(count.read_by),
        hidden=hidden_of(net),
    )


def kept_inventory(  # where it is kept, of what network, for what data, and who is told
    folder: Path,
    architecture: str,
    options: Options,
    task_options: Options,
    where: str = "",
    task: str = Classification.name,
) -> Inventory:
    """The inventory kept in `folder`, taken first where absent or damaged; what cannot be built is said `where`."""
    path = folder / f"{_key(architecture, options, task_options, task)}.json"
    kept = _read(path)
    if kept is not None and kept.architecture == architecture and kept.code in ("", code_digest(OWN)):
        return kept
    try:
        taken = take_inventory(architecture, options, task_options, task)
    except HarnessError as error:
        raise type(error)(problem.under(where) for problem in error.problems) from None
    write_kept(path, json.dumps(sealed(taken.model_dump(mode="json")), indent=1))
    return taken


def _key(architecture: str, options: Options, task_options: Options, task: str) -> str:
    asked: list[Json] = [architecture, options, task_options, version("timm"), REVISION]
    return digest(asked if task == Classification.name else [*asked, task, *made_with(architecture)])


def _read(path: Path) -> Inventory | None:
    try:
        return Inventory.model_validate(unsealed(json.loads(path.read_bytes())))
    except (OSError, ValueError, RecursionError):
        return None


def write_kept(path: Path, text: str) -> None:
    """Keeps a text: a reader sees all of it or nothing, and of two writers either may win, for both hold the same."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise StoreError(f"{path.name}: an inventory cannot be kept: {why(error)}") from None


def _sublayer(info: SublayerInfo) -> Sublayer:
    return Sublayer(info.name, info.kind, info.depth, info.block, info.modules, info.branch, info.frame)


def _described(net: nn.Module, sublayer: Sublayer, macs: dict[str, int]) -> SublayerInfo:
    owned = {name: net.get_submodule(f"{sublayer.block}.{name}") for name in sublayer.modules}
    bare = {name: getattr(net.get_submodule(sublayer.block), name) for name in sublayer.branch.parameters}
    shared = [net.get_submodule(f"{sublayer.block}.{name}") for name in sublayer.frame.shared]
    cost = sum(macs.get(f"{sublayer.block}.{name}", 0) for name in owned) + _loose_macs(net, sublayer, macs)
    shapes = [_shape(name, module) for name, module in owned.items()]
    shapes += [[name, f"{tuple(parameter.shape)} {parameter.dtype}"] for name, parameter in bare.items()]
    return SublayerInfo(
        name=sublayer.name,
        kind=sublayer.kind,
        depth=sublayer.depth,
        block=sublayer.block,
        modules=sublayer.modules,
        params=sum(p.numel() for p in (*_parameters(owned.values()), *bare.values())),
        macs=cost,
        shape=digest([shapes, cost]),
        block_params=sum(p.numel() for p in _parameters(shared)),
        block_macs=sum(macs.get(f"{sublayer.block}.{name}", 0) for name in sublayer.frame.shared),
        branch=sublayer.branch,
        frame=sublayer.frame,
    )


def _is_foldable(part: nn.Module) -> bool:
    """Whether `deploy` changes a part: it has one of the methods that timm looks for, and no folded convolution yet."""
    is_folded = getattr(part, "is_deployed", False) or getattr(part, "reparam_conv", None) is not None
    return not is_folded and any(hasattr(part, method) for method in ("fuse", "reparameterize", "switch_to_deploy"))


def _loose_macs(net: nn.Module, sublayer: Sublayer, macs: dict[str, int]) -> int:
    """What a block multiplies in its own code, outside its modules: the only branch's, if it has one."""
    if len(sublayer.frame.heads) > 1 or sublayer.branch.within:
        return 0
    children = (f"{sublayer.block}.{name}" for name, _ in net.get_submodule(sublayer.block).named_children())
    return macs.get(sublayer.block, 0) - sum(macs.get(path, 0) for path in children)


def _parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Each once, however many of the modules hold it."""
    return list({id(p): p for module in modules for p in module.parameters()}.values())


def _shape(name: str, module: nn.Module) -> list[str]:
    """What the work of a module follows from: the classes within it, the shapes of parameters and buffers."""
    classes = [f"{path} {type(part).__qualname__}" for path, part in module.named_modules()]
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return [name, *classes, *(f"{path} {tuple(tensor.shape)} {tensor.dtype}" for path, tensor in tensors)]
