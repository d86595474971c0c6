"""The networks of this folder in plain PyTorch. Their parameters have Oxbow's names, because their modules do.

Each class names the Oxbow type whose twin it is. Written from the layers' documented meaning, with nothing of Oxbow in
it but the random numbers of dropout, which are a part of that meaning.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import philox

part = nn.ModuleDict  # `part({"encode": …})` gives its parameters the prefix "encode."


class Margins:
    """How close a forward pass came to where a gradient jumps: at zero in relu, at a tie in a pooling.

    A single-precision run may fall on the other side of a jump that is nearer than its rounding errors.
    """

    def __init__(self):
        self.smallest = float("inf")

    def see(self, x, scale):
        if x.numel():
            self.smallest = min(self.smallest, float(x.min() / scale))

    def kink(self, x):
        x = x.detach()
        self.see(x.abs(), x.abs().max())

    def pooling(self, x, window):
        x, axes = x.detach(), range(2, x.ndim)
        for axis in axes:
            x = x.unfold(axis, window, window)
        two = x.flatten(-len(axes)).topk(2).values
        clipped = (two[..., 0] == 0) & (two[..., 1] == 0)  # relu has made them equal; their gradient ends there
        self.see((two[..., 0] - two[..., 1])[~clipped], x.abs().max())


class Network(nn.Module):
    """What all have in common: a record of margins, and dropout with Oxbow's masks."""

    def __init__(self):
        super().__init__()
        self.margins = Margins()
        self.key = (0, 0, 0)
        self.dropouts = 0

    def relu(self, x):
        self.margins.kink(x)
        return F.relu(x)

    def max_pool(self, x, window=2):
        self.margins.pooling(x, window)
        return (F.max_pool2d if x.ndim == 4 else F.max_pool3d)(x, window)

    def stage(self, x, convs):
        return self.relu(convs["conv2"](self.relu(convs["conv1"](x))))

    def dropout(self, x, rate):
        """The mask of the number-th dropout layer, an element per pixel and channel, channels last."""
        number, self.dropouts = self.dropouts, self.dropouts + 1
        if not self.training:
            return x
        seed, step, sample = self.key
        uniform = philox.uniform(philox.DROPOUT, seed, step, sample << 8 | number, x.numel())
        mask = np.where(uniform < np.float32(rate), np.float32(0), np.float32(1) / (np.float32(1) - np.float32(rate)))
        mask = torch.from_numpy(mask.reshape(*x.shape[2:], x.shape[1])).movedim(-1, 0)
        return x * mask.to(x.dtype)


def crop(x, like):
    for axis in range(2, x.ndim):
        x = x.narrow(axis, (x.shape[axis] - like.shape[axis]) // 2, like.shape[axis])
    return x


def joined(skip, x):
    return torch.cat([crop(skip, x), x], 1)


def stage(inputs, channels, same=False, conv=nn.Conv2d):
    padding = 1 if same else 0
    return part({"conv1": conv(inputs, channels, 3, padding=padding),
                 "conv2": conv(channels, channels, 3, padding=padding)})


class UNet(Network):
    """unet<depth, first, classes, same ? pad::zero : pad::valid>, in 2-D or 3-D; with `paper`, unet_2015 (depth 4,
    first 64); with `release`, unet_2015_release."""

    def __init__(self, depth=4, first=64, classes=2, channels=1, same=False, dimensions=2, paper=False, release=False):
        super().__init__()
        self.depth, self.paper, self.release = depth, paper, release
        conv = nn.Conv2d if dimensions == 2 else nn.Conv3d
        up_conv = nn.ConvTranspose2d if dimensions == 2 else nn.ConvTranspose3d
        width = [first << k for k in range(depth + 1)]
        for k in range(depth):
            up = 2 * first if release and k == 0 else width[k]
            inner = stage(width[k], width[k + 1], same, conv) if k == depth - 1 else part()
            inner["up_conv1"] = up_conv(width[k + 1], up, 2, 2)
            self.add_module(f"level{k + 1}", part({
                "encode": stage(width[k - 1] if k else channels, width[k], same, conv), "inner": inner,
                "decode": stage(width[k] + up, width[k], same, conv)}))
        self.conv1 = conv(first, classes, 1)

    def forward(self, x):
        self.dropouts = 0
        return self.conv1(self.scale(x, 1))

    def scale(self, x, k):
        level = getattr(self, f"level{k}")
        skip = self.stage(x, level["encode"])
        if self.release and k == self.depth:
            skip = self.dropout(skip, 0.5)
        x = self.max_pool(skip)
        x = self.scale(x, k + 1) if k < self.depth else self.stage(x, level["inner"])
        if (self.paper or self.release) and k == self.depth:
            x = self.dropout(x, 0.5)
        x = level["inner"]["up_conv1"](x)
        return self.stage(joined(skip, self.relu(x) if self.release else x), level["decode"])


class Dropout(Network):
    """seq<conv<6>, relu, dropout<0.5f>, conv<5, 3, pad::zero>, dropout<0.2f>, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(5, 2, 1)

    def forward(self, x):
        self.dropouts = 0
        return self.conv3(self.dropout(self.conv2(self.dropout(self.relu(self.conv1(x)), 0.5)), 0.2))


class Residuals(Network):
    """seq<residual<stage<6, pad::zero>, conv<6, 1>>, residual<seq<conv<6>, relu>>, residual<conv<4>, conv<4, 1>>,
    conv<3, 1>>"""

    def __init__(self):
        super().__init__()
        self.residual1 = part({"body": stage(2, 6, same=True), "project": part({"conv1": nn.Conv2d(2, 6, 1)})})
        self.residual2 = part({"body": part({"conv1": nn.Conv2d(6, 6, 3)})})
        self.residual3 = part({"body": part({"conv1": nn.Conv2d(6, 4, 3)}),
                               "project": part({"conv1": nn.Conv2d(6, 4, 1)})})
        self.conv1 = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        x = self.stage(x, self.residual1["body"]) + self.residual1["project"]["conv1"](x)
        y = self.relu(self.residual2["body"]["conv1"](x))
        x = y + crop(x, y)
        y = self.residual3["body"]["conv1"](x)
        return self.conv1(y + crop(self.residual3["project"]["conv1"](x), y))


class LevelAdd(Network):
    """seq<level<stage<6, pad::zero>, seq<max_pool<2>, stage<8, pad::zero>, up_conv<6>>, stage<5, pad::zero>,
    join::add>, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        inner = stage(6, 8, same=True)
        inner["up_conv1"] = nn.ConvTranspose2d(8, 6, 2, 2)
        self.level1 = part({"encode": stage(1, 6, same=True), "inner": inner, "decode": stage(6, 5, same=True)})
        self.conv1 = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        skip = self.stage(x, self.level1["encode"])
        up = self.level1["inner"]["up_conv1"](self.stage(self.max_pool(skip), self.level1["inner"]))
        return self.conv1(self.stage(skip + up, self.level1["decode"]))


class LevelConcat(Network):
    """seq<level<stage<4, pad::zero>, seq<avg_pool<2>, conv<7, 3, pad::zero>, relu, upsample<2>>, conv<5>,
    join::concat>, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        self.level1 = part({"encode": stage(1, 4, same=True), "inner": part({"conv1": nn.Conv2d(4, 7, 3, padding=1)}),
                            "decode": part({"conv1": nn.Conv2d(11, 5, 3)})})
        self.conv1 = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        skip = self.stage(x, self.level1["encode"])
        x = self.relu(self.level1["inner"]["conv1"](F.avg_pool2d(skip, 2)))
        up = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv1(self.level1["decode"]["conv1"](torch.cat([skip, up], 1)))


class NestedSkips(Network):
    """graph<node<"x00", stage<4, pad::zero>, "input">, node<"x10", seq<max_pool<2>, stage<6, pad::zero>>, "x00">,
    node<"u10", up_conv<5>, "x10">, node<"x01", stage<4, pad::zero>, "x00", "u10", "input">,
    node<"mask", conv<3, 1>, "x01", "x00">>"""

    def __init__(self):
        super().__init__()
        self.graph1 = part({"x00": stage(1, 4, same=True), "x10": stage(4, 6, same=True),
                            "u10": part({"up_conv1": nn.ConvTranspose2d(6, 5, 2, 2)}), "x01": stage(10, 4, same=True),
                            "mask": part({"conv1": nn.Conv2d(8, 3, 1)})})

    def forward(self, x):
        x00 = self.stage(x, self.graph1["x00"])
        x10 = self.stage(self.max_pool(x00), self.graph1["x10"])
        u10 = self.graph1["u10"]["up_conv1"](x10)
        x01 = self.stage(torch.cat([x00, u10, x], 1), self.graph1["x01"])
        return self.graph1["mask"]["conv1"](torch.cat([x01, x00], 1))


class Convolutions(Network):
    """seq<conv<6, 3, pad::mirror>, relu, conv<6, 3, pad::valid, 1, 2>, relu, conv<8, 3, pad::zero, 2>, relu,
    conv<8, 3, pad::zero, 1, 2>, relu, conv<6, 5, pad::mirror, 1, 2>, relu, conv<7, 3, pad::mirror, 2>, relu,
    conv<6, 4, pad::valid, 2>, relu, conv<3, 2>>"""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(6, 6, 3, dilation=2)
        self.conv3 = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.conv5 = nn.Conv2d(8, 6, 5, padding=4, dilation=2, padding_mode="reflect")
        self.conv6 = nn.Conv2d(6, 7, 3, stride=2, padding=1, padding_mode="reflect")
        self.conv7 = nn.Conv2d(7, 6, 4, stride=2)
        self.conv8 = nn.Conv2d(6, 3, 2)

    def forward(self, x):
        for k in range(1, 8):
            x = self.relu(getattr(self, f"conv{k}")(x))
        return self.conv8(x)


class BatchNorm(Network):
    """seq<conv<6>, batch_norm, relu, max_pool<2>, conv<8, 3, pad::zero>, relu, batch_norm, up_conv<5>, batch_norm,
    relu, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        self.conv1, self.batch_norm1 = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.conv2, self.batch_norm2 = nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.up_conv1, self.batch_norm3 = nn.ConvTranspose2d(8, 5, 2, 2), nn.BatchNorm2d(5)
        self.conv3 = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        x = self.max_pool(self.relu(self.batch_norm1(self.conv1(x))))
        x = self.batch_norm2(self.relu(self.conv2(x)))
        return self.conv3(self.relu(self.batch_norm3(self.up_conv1(x))))


class OtherNorms(Network):
    """seq<conv<6>, instance_norm, relu, conv<8, 3, pad::zero>, relu, group_norm<2>, conv<6>, group_norm<3>, relu,
    conv<4>, group_norm<1>, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        self.conv1, self.instance_norm1 = nn.Conv2d(1, 6, 3), nn.InstanceNorm2d(6, affine=True)
        self.conv2, self.group_norm1 = nn.Conv2d(6, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.conv3, self.group_norm2 = nn.Conv2d(8, 6, 3), nn.GroupNorm(3, 6)
        self.conv4, self.group_norm3 = nn.Conv2d(6, 4, 3), nn.GroupNorm(1, 4)
        self.conv5 = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        x = self.relu(self.instance_norm1(self.conv1(x)))
        x = self.group_norm1(self.relu(self.conv2(x)))
        x = self.relu(self.group_norm2(self.conv3(x)))
        return self.conv5(self.group_norm3(self.conv4(x)))


class Upsampling(Network):
    """seq<conv<4>, relu, max_pool<2>, conv<6, 3, pad::zero>, relu, upsample<2, How>, conv<5, 3, pad::zero>, relu,
    upsample<3, How>, conv<3>>"""

    def __init__(self, how):
        super().__init__()
        self.how = {"mode": "nearest"} if how == "nearest" else {"mode": "bilinear", "align_corners": False}
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3, padding=1)
        self.conv3, self.conv4 = nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(5, 3, 3)

    def forward(self, x):
        x = F.interpolate(self.relu(self.conv2(self.max_pool(self.relu(self.conv1(x))))), scale_factor=2, **self.how)
        return self.conv4(F.interpolate(self.relu(self.conv3(x)), scale_factor=3, **self.how))


class Pooling(Network):
    """seq<conv<5, 3, pad::zero>, avg_pool<3>, relu, conv<6, 3, pad::zero>, max_pool<3>, conv<6, 1>, relu,
    up_conv<4, 3>, conv<5, 3, pad::zero>, avg_pool<2>, conv<2, 1>>"""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 6, 3, padding=1)
        self.conv3, self.up_conv1 = nn.Conv2d(6, 6, 1), nn.ConvTranspose2d(6, 4, 3, 3)
        self.conv4, self.conv5 = nn.Conv2d(4, 5, 3, padding=1), nn.Conv2d(5, 2, 1)

    def forward(self, x):
        x = self.relu(F.avg_pool2d(self.conv1(x), 3))
        x = self.relu(self.conv3(self.max_pool(self.conv2(x), 3)))
        return self.conv5(F.avg_pool2d(self.conv4(self.up_conv1(x)), 2))


class Activations(Network):
    """seq<conv<5>, leaky_relu<>, conv<6>, elu, conv<5>, silu, conv<6>, gelu, conv<5>, sigmoid, conv<6>,
    leaky_relu<0.25f>, conv<3, 1>>"""

    def __init__(self):
        super().__init__()
        widths = [1, 5, 6, 5, 6, 5, 6]
        for k in range(6):
            self.add_module(f"conv{k + 1}", nn.Conv2d(widths[k], widths[k + 1], 3))
        self.conv7 = nn.Conv2d(6, 3, 1)

    def leaky_relu(self, x, slope):
        self.margins.kink(x)
        return F.leaky_relu(x, float(np.float32(slope)))

    def forward(self, x):
        x = F.elu(self.conv2(self.leaky_relu(self.conv1(x), 0.01)))
        x = F.gelu(self.conv4(F.silu(self.conv3(x))))
        return self.conv7(self.leaky_relu(self.conv6(torch.sigmoid(self.conv5(x))), 0.25))


class Volume(Network):
    """seq<conv<4, 3, pad::mirror>, instance_norm, elu, avg_pool<2>, conv<6, 3, pad::zero>, batch_norm, relu,
    upsample<2, interpolation::bilinear>, conv<5, 3, pad::zero, 2>, relu, conv<2, 2>> with a tile of three sizes"""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(1, 4, 3, padding=1, padding_mode="reflect")
        self.instance_norm1 = nn.InstanceNorm3d(4, affine=True)
        self.conv2, self.batch_norm1 = nn.Conv3d(4, 6, 3, padding=1), nn.BatchNorm3d(6)
        self.conv3, self.conv4 = nn.Conv3d(6, 5, 3, stride=2, padding=1), nn.Conv3d(5, 2, 2)

    def forward(self, x):
        x = F.avg_pool3d(F.elu(self.instance_norm1(self.conv1(x))), 2)
        x = self.relu(self.batch_norm1(self.conv2(x)))
        x = F.interpolate(x, scale_factor=2, mode="trilinear", align_corners=False)
        return self.conv4(self.relu(self.conv3(x)))
