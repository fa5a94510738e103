"""How a network is trained: options only, so that a study can be read without torch."""

from __future__ import annotations

from pydantic import Field, model_validator

from harness.schema import Schema


class Initialisation(Schema):
    """Changes to timm's random initialisation, made before training."""

    pos_embed_std: float | None = Field(None, gt=0, description="standard deviation of the position embedding")


class TrainOptions(Schema):
    """AdamW, linear warm-up, cosine decay; one length, in epochs or in steps."""

    epochs: int | None = Field(None, ge=1, description="passes over the training part")
    steps: int | None = Field(None, ge=1, description="optimiser steps, instead of epochs")
    batch: int = Field(32, ge=1)
    lr: float = Field(1e-3, gt=0, description="peak learning rate")
    min_lr: float = Field(0.0, ge=0, description="learning rate at the end of the cosine")
    weight_decay: float = Field(0.05, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps with a linearly rising rate")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient; null: no clipping")
    threads: int = Field(1, ge=1, description="CPU threads; part of what is asked, since sums depend on it")

    @model_validator(mode="after")
    def _has_one_length(self) -> TrainOptions:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("needs exactly one of 'epochs' and 'steps'")
        return self


class TrainRecipe(TrainOptions):
    """Training from random weights."""

    init: Initialisation = Initialisation()
