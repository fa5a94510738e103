"""Modules of timm that no family addresses, each with the reason: data for the table of families."""

from __future__ import annotations

_CONVOLUTIONAL = (
    "a plain convolutional network: no attention, no MLP and no token mixer is a residual branch of its own"
)
_BOTTLENECK = (
    "its attention stands inside a bottleneck of convolutions and is no residual branch: without it the bottleneck "
    "that is left would be another one"
)
_DENSE = "features are joined, not added: there is no residual stream that a branch could leave as it is"
_STATE = (
    "its mixers also give a hidden state that the heads read, and the stream is a weighted mean with the branch, no sum"
)

# The names are those of `timm.list_modules()`; where a family addresses some networks of a module, it is for the rest.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("byoanet",), _BOTTLENECK),
    **dict.fromkeys(("densenet", "dpn", "rdnet"), _DENSE),
    **dict.fromkeys(("efficientvim",), _STATE),
    **dict.fromkeys(
        (
            "byobnet",
            "cspnet",
            "cspnext",
            "dla",
            "efficientnet",
            "ghostnet",
            "hardcorenas",
            "hgnet",
            "hrnet",
            "inception_resnet_v2",
            "inception_v3",
            "inception_v4",
            "lcnetv2",
            "mobilenetv3",
            "nasnet",
            "nfnet",
            "pnasnet",
            "regnet",
            "repghost",
            "res2net",
            "resnest",
            "resnet",
            "resnetv2",
            "rexnet",
            "selecsls",
            "senet",
            "sknet",
            "tresnet",
            "vgg",
            "vovnet",
            "xception",
            "xception_aligned",
        ),
        _CONVOLUTIONAL,
    ),
}
