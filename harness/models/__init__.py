"""A network by name with its weights: built by timm or transformers, published, from a file, or random."""

from __future__ import annotations

from harness.models.building import architectures, check_architecture, create, load_weights
from harness.models.configs import Resolved, is_language_model, libraries, needs, place_of, placed, resolved
from harness.models.language_models import check_published
from harness.models.timm_models import FOLLOW_THE_DATA
from harness.models.weights import content_of, file_sha256, put_state, save_tensors, save_weights

__all__ = [
    "FOLLOW_THE_DATA",
    "Resolved",
    "architectures",
    "check_architecture",
    "check_published",
    "content_of",
    "create",
    "file_sha256",
    "is_language_model",
    "libraries",
    "load_weights",
    "needs",
    "place_of",
    "placed",
    "put_state",
    "resolved",
    "save_tensors",
    "save_weights",
]
