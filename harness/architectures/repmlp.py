"""The RepMLP block: a fully connected layer over the positions of a tile, convolutions beside it, a factor over both.

"RepMLPNet: Hierarchical Vision MLP with Re-parameterized Locality" (Ding et al., CVPR 2022, arXiv 2112.11081),
section 3. It has two forms: the one that is trained, and the deployed one, in which the convolutions are folded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from harness.architectures.injection import convolution_matrix, folded, merged


class Normed(nn.Sequential):
    """A convolution without bias and a norm after it, then an activation where one is given."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    def __init__(self, conv: nn.Conv2d, activation: nn.Module | None = None) -> None:
        layers = OrderedDict(conv=conv, norm=nn.BatchNorm2d(conv.out_channels))
        super().__init__(layers if activation is None else OrderedDict(**layers, activation=activation))


class GlobalPerceptron(nn.Module):
    """y v with v = sigmoid(FC2 relu(FC1 m)), m the mean of x over all positions: a factor for every channel.

    It is what tiles know of each other.
    """

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width // reduction), nn.Linear(width // reduction, width)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """y and x (n, c, H, W) to (n, c, H, W)."""
        v = torch.sigmoid(self.fc2(relu(self.fc1(x.mean((2, 3))))))
        return y * v[:, :, None, None]


class ChannelPerceptron(nn.Module):
    """FC3: y_j = W_(j mod s) x_j for channel j, its h w positions as a vector; then a norm over the s share-sets.

    s (h w)^2 parameters, and c (h w)^2 multiplications a tile whatever s is. Deployed it has a bias (s, h w) in place
    of the norm. With s = 1 it is the token-mixing layer of Mixer and ResMLP, one matrix for all channels.
    """

    def __init__(self, sets: int, size: tuple[int, int], deploy: bool = False) -> None:
        super().__init__()
        positions = size[0] * size[1]
        self.weight = nn.Parameter(torch.empty(sets, positions, positions))
        bound = positions**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(sets, positions)) if deploy else None
        self.norm = None if deploy else nn.BatchNorm2d(sets)

    def forward(self, x: Tensor) -> Tensor:
        """Tiles (n, c, h, w) to the same."""
        sets = len(self.weight)
        vectors = x.reshape(-1, sets, x.shape[2] * x.shape[3]).transpose(0, 1)
        if self.bias is None:
            y = torch.bmm(vectors, self.weight.mT)
        else:
            y = torch.baddbmm(self.bias[:, None], vectors, self.weight.mT)
        y = y.transpose(0, 1).reshape(-1, sets, *x.shape[2:])
        return (y if self.norm is None else self.norm(y)).reshape(x.shape)


class LocalPerceptron(nn.Module):
    """Depthwise convolutions of the share-sets, each with a norm, added up; channels of a share-set have one kernel."""

    def __init__(self, sets: int, kernels: Sequence[int]) -> None:
        super().__init__()
        self.sets = sets
        self.branches = nn.ModuleDict(
            {f"k{k}": Normed(nn.Conv2d(sets, sets, k, padding=k // 2, groups=sets, bias=False)) for k in kernels}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tiles (n, c, h, w) to the same."""
        shared = x.reshape(-1, self.sets, *x.shape[2:])
        return torch.stack([branch(shared) for branch in self.branches.values()]).sum(0).reshape(x.shape)

    def matrix(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """W_conv (s, h w, h w) and bias (s,) of all branches together."""
        kernel, bias = merged(
            folded(branch.conv.weight, branch.norm) for branch in self.branches.values() if isinstance(branch, Normed)
        )
        return convolution_matrix(kernel, size), bias


class RepMLP(nn.Module):
    """(FC3 x + sum_k conv_k x) v, on tiles of h x w: larger maps are cut, and only v knows of the other tiles."""

    def __init__(
        self,
        width: int,
        size: tuple[int, int],
        sets: int,
        kernels: Sequence[int] = (1, 3),
        reduction: int = 4,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        self.size = size
        self.global_perceptron: nn.Module | None = GlobalPerceptron(width, reduction) if reduction else None
        self.channel = ChannelPerceptron(sets, size, deploy)
        self.local: nn.Module | None = LocalPerceptron(sets, kernels) if kernels and not deploy else None

    @property
    def is_deployed(self) -> bool:
        """Whether FC3 holds all that positions do to each other."""
        return self.channel.norm is None

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, H, W) to the same, H and W multiples of h and w."""
        tiles = self._cut(x)
        y = self.channel(tiles)
        if self.local is not None:
            y = y + self.local(tiles)
        y = self._joined(y, x.shape)
        return y if self.global_perceptron is None else self.global_perceptron(y, x)

    def _cut(self, x: Tensor) -> Tensor:
        """(n, c, H, W) to (n parts, c, h, w)."""
        (n, width, height, across), (h, w) = x.shape, self.size
        if (height, across) == self.size:
            return x
        cut = x.reshape(n, width, height // h, h, across // w, w).permute(0, 2, 4, 1, 3, 5)
        return cut.reshape(-1, width, h, w)

    def _joined(self, tiles: Tensor, shape: torch.Size) -> Tensor:
        (n, width, height, across), (h, w) = shape, self.size
        if (height, across) == self.size:
            return tiles
        return tiles.reshape(n, height // h, across // w, width, h, w).permute(0, 3, 1, 4, 2, 5).reshape(shape)

    def injected(self) -> tuple[Tensor, Tensor]:
        """Weight (s, h w, h w) and bias (s, h w) of the one layer that does, in eval mode, what FC3 and branches do.

        W[i] = t_i W_fc[i] + W_conv[i] and b[i] = b_fc,i + b_conv,i at each of the h w positions, where t_i and b_fc,i
        are those of the norm after FC3. Differentiable in all that it is made of.
        """
        if self.channel.norm is None:
            raise ValueError("locality is injected already: this RepMLP is in its deployed form")
        weight, bias = folded(self.channel.weight, self.channel.norm)
        if isinstance(self.local, LocalPerceptron):
            local, added = self.local.matrix(self.size)
            weight, bias = weight + local, bias + added
        return weight, bias[:, None].expand(weight.shape[:2])

    def reparameterize(self) -> None:
        """Takes the deployed form, for good; raises ValueError for a block that has it. The name is timm's."""
        weight, bias = self.injected()
        deployed = ChannelPerceptron(len(weight), self.size, deploy=True).to(weight)
        deployed.weight, deployed.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach().clone())
        self.channel, self.local = deployed.train(self.training), None
