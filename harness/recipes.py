"""How a network is trained: options only, so that a study can be read without torch."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from harness.schema import OneOrMany, Schema

Augment: TypeAlias = Literal["none", "shift_flip", "rand"]
Rate = Annotated[float, Field(gt=0)]


class Initialisation(Schema):
    """Changes to timm's random initialisation, made before training."""

    pos_embed_std: float | None = Field(None, gt=0, description="standard deviation of the position embedding")


class TrainOptions(Schema):
    """AdamW, linear warm-up, cosine decay; one length, in epochs or in steps."""

    epochs: int | None = Field(None, ge=1, description="passes over the training part")
    steps: int | None = Field(None, ge=1, description="optimiser steps, instead of epochs")
    batch: int = Field(32, ge=1, description="items of a step")
    lr: float = Field(1e-3, gt=0, description="peak learning rate")
    min_lr: float = Field(0.0, ge=0, description="learning rate at the end of the cosine")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps with a linearly rising rate")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of a target that goes to all classes")
    clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient; null: no clipping")
    threads: int = Field(1, ge=1, description="CPU threads; part of what is asked, since sums depend on it")
    augment: Augment = Field("none", description="what is done to items of the training part, drawn anew every epoch")
    erase: float = Field(0.0, ge=0, lt=1, description="chance that a rectangle of an item becomes noise")
    mixup: float = Field(0.0, ge=0, description="alpha of mixup's beta distribution; 0: no mixup")
    cutmix: float = Field(0.0, ge=0, description="alpha of cutmix's beta distribution; with mixup each batch gets one")
    label_noise: float = Field(
        0.0, ge=0, le=1, description="share of the training part's labels replaced by any class, the same every epoch"
    )
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of an average over steps, whose weights are then kept; null: the last ones"
    )
    layer_decay: float | None = Field(
        None, gt=0, lt=1, description="factor on the learning rate for each layer away from the head; null: none"
    )
    amp: bool = Field(False, description="bfloat16 autocast; for a GPU only")

    @model_validator(mode="after")
    def _has_one_length(self) -> TrainOptions:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("needs exactly one of 'epochs' and 'steps'")
        return self

    @model_validator(mode="after")
    def _has_partners(self) -> TrainOptions:
        if self.mixes and self.batch < 2:
            raise ValueError("mixup and cutmix mix the items of a batch with each other; 'batch' must be 2 or more")
        return self

    @property
    def mixes(self) -> bool:
        """Whether targets are shares of several outputs; label smoothing comes on top of them, once, in the loss."""
        return self.mixup > 0 or self.cutmix > 0


class TrainRecipe(TrainOptions):
    """Training from random weights."""

    init: Initialisation = Field(Initialisation(), description="changes to the random initialisation")


class Tuning(Schema):
    """Learning rates that are each tried in full; the best is kept, the first of equals."""

    lr: Annotated[tuple[Rate, ...], OneOrMany] = Field(min_length=1, description="peak learning rates, each a training")
    select_on: Literal["validation"] = Field("validation", description="part whose mean loss decides")

    @field_validator("lr")
    @classmethod
    def _differ(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(rates)) != len(rates):
            raise ValueError("holds a learning rate twice; each one is a whole training")
        return rates


class RecoveryOptions(TrainOptions):
    """Options of `weights.train`, and a choice of the learning rate; every arm and the baseline choose alike."""

    tune: Tuning | None = Field(None, description="{lr: [..]}: train with each, keep the best on validation")

    @model_validator(mode="after")
    def _has_one_rate(self) -> RecoveryOptions:
        if self.tune is not None and self.lr != type(self).model_fields["lr"].default:
            raise ValueError("'tune' sets the learning rate; leave 'lr' out")
        return self
