"""Stage 3: the model without the removed parts, proved, and trained on where the study asks for it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

from harness import models
from harness.artifacts import Artifact
from harness.errors import HarnessError
from harness.proof import prove
from harness.recipes import TrainRecipe
from harness.records import Proof
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.schema import Options, digest
from harness.stages.base import Bench, Network, Removed, built, transformed
from harness.stages.prepare import WEIGHTS, unfinished
from harness.surgery import remove
from harness.training.loop import initialise

if TYPE_CHECKING:
    from torch import nn

REVISION = 1
PROOF_ITEMS = 8


class ProofError(Exception):
    """The removed model is not the masked original: a fault of surgery, never of the user."""

    def __init__(self, proof: Proof) -> None:
        super().__init__(f"the removal could not be proved: {proof.reason}")
        self.proof = proof


def without(bench: Bench, prepared: Network, gone: Removed) -> nn.Module:
    """An independent copy of the network that runs without the removed parts."""
    if not gone.sublayers:
        return deepcopy(prepared.net)
    return remove(prepared.net, gone.sublayers, bench.spec.removal)


def proved(bench: Bench, prepared: Network, candidate: nn.Module, gone: Removed) -> Proof:
    """The proof of a removal; raises ProofError where it fails."""
    if not gone.sublayers:
        return Proof(status="not_applicable", reason="nothing is removed")
    inputs = bench.task.example(bench.config, PROOF_ITEMS, bench.device).inputs
    proof = prove(prepared.net, candidate, gone.sublayers, bench.spec.removal, inputs, bench.inventory)
    if proof.status == "failed":
        raise ProofError(proof)
    return proof


def recover(
    bench: Bench, prepared: Network, candidate: nn.Module, gone: Removed
) -> tuple[Network, Artifact | None, bool]:
    """The candidate after its recovery; without one its content follows from what it was made of."""
    made_of: Options = {
        "prepared": prepared.content,
        "removed": list(gone.names),
        "removal": bench.spec.removal if gone.names else None,
    }
    if bench.spec.recovery is None:
        return Network(candidate.eval(), digest(made_of, 16)), None, False
    recovery = recoveries.create(bench.spec.recovery)
    parts = {name: bench.data.parts[name].info for name in ("train", "validation")}
    asked: Options = {
        **made_of,
        "network": built(bench),
        "recovery": recovery.identity(),
        "seed": bench.spec.recovery_seed,
        "data": {name: {"sha256": part.sha256, "transform": part.transform} for name, part in parts.items()},
        "revision": REVISION,
    }
    recovering = _recovering(bench, prepared, candidate, gone, asked)
    artifact, reused = bench.obtain("recover", asked, lambda folder: _make(recovery, recovering, folder), True)
    models.load_weights(candidate, artifact.folder / WEIGHTS)
    # The same weights without other parts, or in another form of removal, are another network.
    content = digest([artifact.manifest.content, made_of], 16)
    return Network(bench.placed(candidate).eval(), content), artifact, reused


def anew(bench: Bench, gone: Removed, seed: int) -> nn.Module:
    """The architecture without the removed parts, with random weights as `weights.train` draws them."""
    fresh = models.create(bench.spec.architecture, bench.spec.options, bench.task_options, seed=seed)
    if "train" in bench.spec.weights:
        initialise(fresh, TrainRecipe.model_validate(bench.spec.weights["train"]).init, seed)
    small = remove(fresh, gone.sublayers, bench.spec.removal).to(bench.device)
    return transformed(bench, Network(small, ""), "prepare", "select", "recover").net


def _recovering(bench: Bench, prepared: Network, candidate: nn.Module, gone: Removed, asked: Options) -> Recovering:
    if bench.spec.recovery_seed is None:
        raise HarnessError("a recovery that trains needs a recovery seed")
    return Recovering(
        net=candidate,
        whole=prepared.net,
        sublayers=gone.sublayers,
        removal=bench.spec.removal,
        anew=lambda seed: anew(bench, gone, seed),
        task=bench.task,
        data=bench.data,
        device=bench.device,
        seed=bench.spec.recovery_seed,
        progress=lambda note: bench.progress("recover", note),
        checkpoints=unfinished(bench, "recover", asked),
        checkpoint_s=bench.job.checkpoint_s,
        meet=bench.meeting("recover", asked),
    )


def _make(recovery: Recovery, recovering: Recovering, folder: Path) -> str:
    figures = recovery.recover(recovering)
    models.save_weights(recovering.net, folder / WEIGHTS)
    (folder / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    return models.content_of(recovering.net)
