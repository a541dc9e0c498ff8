"""A belief with a judge: what it passes on, what it says by itself, and what it refuses."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.likelihoods import gaussian
from bayesal.networks import MLP
from bayesal.posteriors import JudgedNetwork, MCDropout
from bayesal.testing import check_posterior
from bayesal.types import Differentiable, Embeds, Judges, Posterior


class Sum(nn.Module):
    """The sum of a point's numbers, times a weight, with dropout that must be off."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * self.drop(x).sum(1)


def points(n: int = 9) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(0))


def network(outputs: int = 3) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(4, outputs, hidden=(6,), dropout=0.4)


def test_it_is_the_belief_it_was_made_of_in_all_else():
    belief = MCDropout(network().eval())
    judged = JudgedNetwork(belief, Sum())
    assert isinstance(judged, Posterior)
    assert isinstance(judged, Embeds)
    assert isinstance(judged, Differentiable)
    assert isinstance(judged, Judges)
    check_posterior(judged, points())
    one, other = (b.draw(5, generator=Generator().manual_seed(1))(points()).logits for b in (judged, belief))
    assert torch.equal(one, other)
    assert torch.equal(judged.embed(points()), belief.embed(points()))
    assert torch.equal(judged.forward(judged.state, points()), belief.forward(belief.state, points()))
    assert judged.trainable == belief.trainable


def test_the_state_has_the_tensors_of_both():
    net = network()
    judged = JudgedNetwork.dropout(net, judge=Sum())
    assert judged.state.keys() == {*net.state_dict(), "judge.weight"}
    assert judged.state["head.weight"].data_ptr() == net.head.weight.data_ptr()


def test_the_judge_is_a_copy_in_evaluation_mode_that_looks_at_every_point_alone():
    judge = Sum()
    judged = JudgedNetwork.dropout(network(), judge=judge, judged_by="me")
    torch.testing.assert_close(judged.judge(points()), points().sum(1))
    with torch.no_grad():
        judge.weight.mul_(2)
    torch.testing.assert_close(judged.judge(points()), points().sum(1))
    assert judge.training
    assert judged.judged_by == "me"
    for size in (1, 4):
        assert torch.equal(torch.cat([judged.judge(part) for part in points().split(size)]), judged.judge(points()))
    assert judged.judge(points()[:0]).shape == (0,)
    torch.testing.assert_close(judged.judge(points().double().numpy()), points().sum(1))


def test_amounts_have_their_likelihood():
    judged = JudgedNetwork.dropout(network(2), gaussian, judge=Sum())
    assert judged.draw(3, generator=Generator().manual_seed(0))(points()).mean.shape == (9, 3)
    assert judged.forward(judged.state, points()).shape == (9, 1)


def test_what_a_judge_cannot_say_gets_a_sentence():
    judged = JudgedNetwork.dropout(network(), judge=nn.Linear(4, 1))
    with pytest.raises(ValueError, match=r"one number a point, but for 9 points it gave shape \(9, 1\)"):
        judged.judge(points())
    judged = JudgedNetwork.dropout(network(), judge=Sum())
    broken = points()
    broken[2] = torch.nan
    with pytest.raises(ValueError, match="1 of 9 points hold NaN"):
        judged.judge(broken)
    endless = Sum()
    endless.weight.data.fill_(torch.inf)
    with pytest.raises(ValueError, match="NaN or infinite for 9 of 9 points"):
        JudgedNetwork.dropout(network(), judge=endless).judge(points())
    with pytest.raises(ValueError, match="dropout"):
        JudgedNetwork.dropout(nn.Linear(4, 2), judge=Sum())
