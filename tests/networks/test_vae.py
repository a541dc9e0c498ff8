"""Autoencoders: shapes of every kind of point, what noise does, and what they learn."""

import pytest
import torch
from torch import Generator, Tensor
from torch.optim import Adam

from bayesal.networks.vae import Cropped, conv_vae, mlp_vae, vae_for
from bayesal.objectives.adversarial import vae_loss


def points(*shape: int, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("shape", "reconstructed"),
    [
        ((5,), (5,)),
        ((1, 8, 8), (1, 8, 8)),
        ((3, 12, 9), (3, 12, 9)),
        ((1, 28, 28), (1, 28, 28)),
        ((2, 40, 50), (2, 32, 32)),
        ((1, 3, 3), (1, 3, 3)),
        ((4, 6), (4, 6)),
    ],
)
def test_every_kind_of_point_comes_back(shape: tuple[int, ...], reconstructed: tuple[int, ...]) -> None:
    vae = vae_for(shape, latent=7)
    code = vae(points(*shape))
    assert code.points.shape == code.reconstructed.shape == (3, *reconstructed)
    assert code.mean.shape == code.log_variance.shape == (3, 7)
    torch.testing.assert_close(vae.encode(points(*shape)), code.mean)


def test_the_mean_of_the_code_has_no_noise_and_its_decoding_does() -> None:
    vae, x = mlp_vae(5), points(5)
    assert torch.equal(vae.encode(x), vae.encode(x))
    assert not torch.equal(vae(x).reconstructed, vae(x).reconstructed)
    vae.encoder[-1].bias.data[32:] = -80  # type: ignore[index]
    torch.testing.assert_close(vae(x).reconstructed, vae.decoder(vae.encode(x)))


def test_it_learns_to_reconstruct() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae, x = mlp_vae(6, latent=2), points(2, n=64) @ points(2, 6, n=1)[0]
        optimiser = Adam(vae.parameters(), lr=1e-2)
        for _ in range(200):
            code = vae(x)
            loss = vae_loss(code.reconstructed, x, code.mean, code.log_variance, beta=0.1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert (vae(x).reconstructed - x).square().mean() < 0.3 * x.square().mean()


def test_images_that_cannot_be_halved_twice_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 4 x 4 to be halved twice, but they are \(3, 9\)"):
        conv_vae(1, (3, 9))


def test_what_is_too_much_is_cut_off() -> None:
    images = points(2, 8, 12)
    assert torch.equal(Cropped(7, 9)(images), images[:, :, :7, :9])
