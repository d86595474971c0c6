"""The U-Nets of tests/interop in PyTorch as a user would write them."""
import pathlib
import sys

import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "interop"))
import networks  # noqa: E402


class PlainUNet(networks.UNet):
    """Without what the tests add: margins, and masks of dropout that equal Oxbow's."""

    in_place = False  # is ReLU?

    def relu(self, x):
        return F.relu(x, inplace=self.in_place)

    def max_pool(self, x, window=2):
        return F.max_pool2d(x, window)

    def dropout(self, x, rate):
        return F.dropout(x, rate, self.training)
