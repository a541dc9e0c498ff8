"""A network that is not made in the order in which it is called."""

from torch import Tensor, nn
from torch.nn import functional as F


class HeadFirst(nn.Module):
    """The head is made first; activations are calls, one of them in place."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 2)
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x), inplace=True)
        return self.head(F.relu(self.second(x)).mean((2, 3)))
