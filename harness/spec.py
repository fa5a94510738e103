"""The study file as a closed, frozen shape; names and options of plug-ins are checked by `plan`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from harness.assurance import Noise, Optimum, Stability
from harness.bounds import Bounds
from harness.recipes import TrainRecipe
from harness.resources import StageResources
from harness.runtimes import DEFAULT, Runtime
from harness.schema import NAME, SHA256, Json, Label, OneOrMany, Options, Schema

Target: TypeAlias = Annotated[str, StringConstraints(pattern=NAME)]  # what a model has of it is checked by `plan`
Removal: TypeAlias = Literal["skip", "identity"]
Stage: TypeAlias = Literal["prepare", "select", "recover", "evaluate", "cost"]
Budgeted: TypeAlias = Literal["macs", "params", "latency"]
AMOUNTS = ("counts", "ratios", "budgets")
AXES = ("models", "targets", "criteria", *AMOUNTS, "removals", "recoveries", "transforms", "runtimes", "seeds")
COLLECTORS = ("accuracy", "macs", "params", "latency", "throughput", "memory", "energy")


class Choice(Schema):
    """A plug-in by name with the options it is given; `label` names it in tables, default name and options."""

    name: str
    label: Label | None = None
    options: Options = {}

    @classmethod
    def split(cls, value: Any) -> Any:
        """`name` or `{name, label, **options}` as a study writes it."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict) or "name" not in value:
            raise ValueError("must be a name, or a mapping with a 'name'")
        own = cls.reserved()
        options = {key: item for key, item in value.items() if key not in own}
        return {key: item for key, item in value.items() if key in own} | {"options": options}

    @classmethod
    def reserved(cls) -> set[str]:
        """Keys that are not options of the plug-in."""
        return {field.alias or key for key, field in cls.model_fields.items()} - {"options"}

    def identity(self) -> Options:
        """Name and options as asked; the plug-in itself drops what is at its default."""
        return {"name": self.name, **self.options}

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        own: dict[str, Any] = dump(self)
        options = own.pop("options")
        given = {key: item for key, item in own.items() if item is not None}
        return {**given, **options}


class Restriction(Schema):
    """The models and targets that a criterion is for; absent means all."""

    models: Annotated[tuple[str, ...] | None, OneOrMany] = Field(None, description="by name; null: all")
    targets: Annotated[tuple[Target, ...] | None, OneOrMany] = Field(None, description="null: all")


class CriterionChoice(Choice):
    """A criterion, the search that turns its scores into sets, and how often a random one is drawn."""

    search: Annotated[Choice, BeforeValidator(Choice.split)] | None = None
    draws: int | None = Field(None, ge=1, le=1000)
    for_: Restriction = Field(Restriction(), alias="for")


class TransformChoice(Choice):
    """A transform, and the first stage whose network has it; without a word the transform's own."""

    from_: Stage | None = Field(None, alias="from")


class Pretrained(Schema):
    """Published weights by timm tag."""

    pretrained: str | None = Field(None, description="the tag; null is timm's default tag")


class FileWeights(Schema):
    """A safetensors file, known by its hash."""

    file: str = Field(description="relative to the study")
    sha256: str | None = Field(None, pattern=SHA256, description="64 hex digits that the file must have; null: any")


class TrainedWeights(Schema):
    """Random weights, trained on the study's data."""

    train: TrainRecipe = Field(description="the recipe")


Weights: TypeAlias = Literal["random", "pretrained"] | Pretrained | FileWeights | TrainedWeights


def _weights(value: Any) -> Any:
    """Picks the shape by its key, so that a problem is told about the shape that was meant."""
    shapes: dict[str, type[Schema]] = {"pretrained": Pretrained, "file": FileWeights, "train": TrainedWeights}
    if isinstance(value, dict):
        for key, shape in shapes.items():
            if key in value:
                return shape.model_validate(value)
    if value in ("random", "pretrained") or isinstance(value, tuple(shapes.values())):
        return value
    raise ValueError("must be pretrained, random, {pretrained: TAG}, {file: F, sha256: ...} or {train: {epochs: ...}}")


class ModelSpec(Schema):
    """A network with its weights; `name` is the label of tables."""

    name: Label = Field(description="its label in tables")
    architecture: str = Field(
        description="a name of timm's, or a decoder: hf:NAME, hf:./DIR, hf-config:./F.json; `harness list models`"
    )
    options: Options = Field({}, description="passed to timm, or over a decoder's configuration; some follow the data")
    weights: Annotated[Weights, BeforeValidator(_weights)] = Field("pretrained", description="where they come from")
    data: Annotated[Choice, BeforeValidator(Choice.split)] | None = Field(None, description="null: the study's data")
    resources: StageResources = Field(StageResources(), description="where its jobs need other than the site file says")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        # A bare timm name: its dots and colons are made fit for a file name.
        if not isinstance(value, str):
            return value
        return {"name": re.sub("[:/@]", "_", value), "architecture": value}


Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Seeds(Schema):
    """Seeds of training, selection and recovery; a plain list sets all three together."""

    model: Annotated[tuple[Seed, ...], OneOrMany] = Field((0,), min_length=1, description="of weights that are trained")
    selection: Annotated[tuple[Seed, ...], OneOrMany] = Field((0,), min_length=1, description="of random choices")
    recovery: Annotated[tuple[Seed, ...], OneOrMany] = Field((0,), min_length=1, description="of recoveries")
    is_joint: bool = Field(False, exclude=True, json_schema_extra={"internal": True})

    @model_validator(mode="before")
    @classmethod
    def _together(cls, value: Any) -> Any:
        if isinstance(value, int | list | tuple):
            return {"model": value, "selection": value, "recovery": value, "is_joint": True}
        if isinstance(value, dict) and "is_joint" in value:
            raise ValueError("no such field 'is_joint'; known: model, recovery, selection")
        return value

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, list[int]] | list[int]:
        if self.is_joint:
            return list(self.model)
        return {"model": list(self.model), "selection": list(self.selection), "recovery": list(self.recovery)}


class ReferenceModel(Schema):
    """A network beside the study: evaluated and measured whole, never removed from."""

    model: ModelSpec = Field(description="as an entry of `models`")


class Published(Schema):
    """Published values by the name of their list (`harness/published/`)."""

    published: Annotated[str, StringConstraints(pattern=NAME)] = Field(description="name of the list")


def _reference(value: Any) -> Any:
    if isinstance(value, ReferenceModel | Published):
        return value
    if isinstance(value, dict) and len(value) == 1:
        if "model" in value:
            return ReferenceModel.model_validate(value)
        if "published" in value:
            return Published.model_validate(value)
    raise ValueError("must be {model: {...}} or {published: NAME}")


class ReportOptions(Schema):
    """What the report is asked to say."""

    contrast: tuple[Label, Label] | None = Field(None, description="the two criteria of the primary test")
    networks: tuple[tuple[Label, Label], ...] = Field(
        (), description="pairs of whole networks to compare, by label; empty: the first model with each reference"
    )
    recommend: Annotated[tuple[Bounds, ...] | None, OneOrMany] = Field(
        None, description="what a removal may cost and must buy, one recommendation each; null: the usual ones"
    )


class Limits(Schema):
    """Guards against a grid larger than meant."""

    trials: int = Field(10_000, ge=1, description="a larger grid is an error")


Share = Annotated[float, Field(gt=0, lt=1)]
Criterion = Annotated[CriterionChoice, BeforeValidator(CriterionChoice.split)]
Plain = Annotated[Choice, BeforeValidator(Choice.split)]
Reference = Annotated[ReferenceModel | Published, BeforeValidator(_reference)]


def _chain(value: Any) -> Any:
    """`none`, one transform, or a list of them that is a chain."""
    entries = value if isinstance(value, list | tuple) else [value]
    return tuple(TransformChoice.split(entry) for entry in entries if entry != "none")


def _chain_as_written(chain: tuple[TransformChoice, ...]) -> Any:
    written = [entry.model_dump(mode="json", by_alias=True) for entry in chain]
    return written[0] if len(written) == 1 else written or "none"


Chain = Annotated[tuple[TransformChoice, ...], BeforeValidator(_chain), PlainSerializer(_chain_as_written)]


class Study(Schema):
    """A study: the axes of its grid, its data and its collectors."""

    study: str = Field(pattern=NAME, description="name of the study and of its folders")
    question: str | None = Field(None, max_length=500, description="the question in words, on top of the report")
    example: bool = Field(False, description="marks a shipped study that the tests run")
    plugins: Annotated[tuple[str, ...], OneOrMany] = Field((), description="one's own plug-ins: Python files")
    data: Plain = Field(description="the data set, for models that name none")
    models: Annotated[tuple[ModelSpec, ...], OneOrMany] = Field(
        min_length=1, description="the networks; a bare timm name"
    )
    targets: Annotated[tuple[Target, ...], OneOrMany] = Field(
        ("attention",), min_length=1, description="what is removed"
    )
    criteria: Annotated[tuple[Criterion, ...], OneOrMany] = Field(min_length=1, description="what chooses units")
    counts: Annotated[tuple[Annotated[int, Field(strict=True)], ...] | None, OneOrMany] = Field(
        None, description="how many units go: at least one, never all"
    )
    ratios: Annotated[tuple[float, ...] | None, OneOrMany] = Field(
        None, description="instead of counts: the share of the target's units that goes, rounded half up"
    )
    budgets: dict[Budgeted, Annotated[tuple[Share, ...], OneOrMany]] | None = Field(
        None, description="instead of counts: the share of a cost that is to be saved"
    )
    removals: Annotated[tuple[Removal, ...], OneOrMany] = Field(
        ("skip",), min_length=1, description="skip: u = x; identity: u = 2x, attention only"
    )
    recoveries: Annotated[tuple[Plain, ...], OneOrMany] = Field(
        (Choice(name="none"),), min_length=1, description="training after the removal; the baseline gets the same"
    )
    transforms: Annotated[tuple[Chain, ...], OneOrMany] = Field(
        ((),), min_length=1, description="changes that are no removal; a list in the list is a chain"
    )
    runtimes: Annotated[tuple[Runtime, ...], OneOrMany] = Field(
        (DEFAULT,), min_length=1, description="how it is executed"
    )
    seeds: Seeds = Field(Seeds(), description="a list sets model, selection and recovery seed together")
    collectors: Annotated[tuple[Plain, ...], OneOrMany] = Field(
        tuple(Choice(name=n) for n in COLLECTORS), min_length=1, description="what is measured"
    )
    costs: Literal["shared", "each"] = Field("shared", description="shared: equal structures are timed once")
    noise: Noise = Field(Noise(), description="what is done about timings that cannot be trusted")
    stability: Stability | None = Field(None, description="every selection again on other calibration items")
    optimum: Optimum | None = Field(None, description="every set of the target evaluated")
    references: Annotated[tuple[Reference, ...], OneOrMany] = Field((), description="whole networks, published values")
    zip: tuple[tuple[str, ...], ...] = Field((), description="groups of axes that move together")
    exclude: tuple[dict[str, Json], ...] = Field((), description="points that are left out, by axes in the singular")
    report: ReportOptions = Field(ReportOptions(), description="what the report is asked to say")
    limits: Limits = Field(Limits(), description="guards against a grid larger than meant")

    @model_validator(mode="after")
    def _has_one_kind_of_amount(self) -> Study:
        given = [name for name in AMOUNTS if getattr(self, name) is not None]
        brings_its_own = all(choice.name == "fixed" for choice in self.criteria)
        if len(given) > 1 or (not given and not brings_its_own):
            raise ValueError("needs exactly one of 'counts', 'ratios' and 'budgets'")
        return self
