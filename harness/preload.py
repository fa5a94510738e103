"""What a worker loads once, before any trial: imported by its fork server, so that a child starts in milliseconds."""

from __future__ import annotations

import fvcore.nn  # noqa: F401
import ptflops  # noqa: F401
import safetensors.torch  # noqa: F401
import timm  # noqa: F401
import torch.utils.flop_counter  # noqa: F401

import harness.architectures
import harness.run_trial
import harness.stages.alone  # noqa: F401
from harness.collectors.base import collectors
from harness.containers import container
from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.families.catalogue import families
from harness.recoveries.base import recoveries
from harness.searches.base import searches
from harness.transforms.base import transforms

for registry in (collectors, criteria, datasets, recoveries, searches, transforms):
    registry.members()
families()
container()  # what is read of gigabytes is read once for all children
