"""In what arithmetic and by which kernels a network is executed: the study's axis `runtimes`, as plain values."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from harness.schema import Label, Options, Schema

DType: TypeAlias = Literal["fp32", "tf32", "bf16", "fp16"]
Compile: TypeAlias = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
Attention: TypeAlias = Literal["auto", "fused", "math", "flash", "efficient", "cudnn"]
HALF = ("bf16", "fp16")
OF_OUTCOMES = ("dtype", "autocast", "attention")  # what can change an output by more than the order of a sum


class Runtime(Schema):
    """One entry of `runtimes`; everything at its default is plain eager fp32 with the kernels that torch picks.

    It holds for evaluation and costs: weights are always made, scored and trained in the default one.
    """

    label: Label | None = Field(None, description="word for tables; default: the dtype and what is not at its default")
    dtype: DType = Field("fp32", description="of weights and activations; tf32 is fp32 with products in TF32")
    autocast: bool = Field(False, description="bf16 or fp16 by torch.autocast: weights stay fp32")
    compile: Compile | None = Field(None, description="mode of torch.compile; null is eager")
    attention: Attention = Field("auto", description="kernel of attention; auto leaves the choice to torch")
    channels_last: bool = Field(False, description="convolutions and their inputs in channels-last layout")
    threads: int | None = Field(None, ge=1, description="CPU threads of one operation; null leaves torch's number")

    @model_validator(mode="after")
    def _casts_to_half(self) -> Runtime:
        if self.autocast and self.dtype not in HALF:
            raise ValueError(f"'autocast' is for dtype {' and '.join(HALF)}, not for {self.dtype!r}")
        return self

    def identity(self) -> Options | None:
        """What a digest holds; None for the default runtime."""
        found: Options = self.model_dump(mode="json", exclude_defaults=True, exclude={"label"})
        return found or None

    @property
    def title(self) -> str:
        """The word for tables."""
        if self.label:
            return self.label
        own = self.identity() or {}
        extras = [key if value is True else f"{key}_{value}" for key, value in own.items() if key != "dtype"]
        return "-".join([self.dtype, *extras])

    def of_outcomes(self) -> Options:
        """The conditions (`at`) that tell its outcomes from the plain ones; empty where they are plain."""
        return {key: value for key, value in (self.identity() or {}).items() if key in OF_OUTCOMES}

    def for_outcomes(self) -> Runtime:
        """The same without what only costs depend on."""
        return Runtime.model_validate(self.of_outcomes())


DEFAULT = Runtime()
