"""What every corruption owes: pixels of 0 to 1, more change at more severity, the label still to be seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from sklearn.svm import SVC

from harness.datasets.corruptions import CORRUPTIONS, SEVERITIES, Floats

NOISES = ("gaussian_noise", "shot_noise", "impulse_noise")
ALWAYS_DRAWN = (*NOISES, *(f"imagenet_c_{noise}" for noise in NOISES), "motion_blur", "fog")
# The constants of ImageNet-C by severity: deviation, photons at white, share of values.
OF_IMAGENET_C = {
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "shot_noise": (60, 25, 12, 5, 3),
    "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),
}


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def digits() -> tuple[Floats, NDArray[np.int64]]:
    found = load_digits()
    return found.images[:, np.newaxis] / 16, found.target


def photograph(size: int = 96) -> Floats:
    picture = Image.fromarray(load_sample_image("flower.jpg")).resize((size, size))
    return np.asarray(picture).transpose(2, 0, 1) / 255


def images() -> list[Floats]:
    """Photographs in colour, digits in grey, one image of two channels that is wider than high."""
    grey = digits()[0]
    return [photograph(), photograph(33), *grey[:20], np.random.default_rng(1).random((2, 5, 9))]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_pixels_stay_between_0_and_1_in_the_shape_they_had(name: str) -> None:
    for image in images():
        for severity in SEVERITIES:
            found = CORRUPTIONS[name](image, severity, chance())
            assert found.shape == image.shape
            assert found.dtype == np.float64
            assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_more_severity_is_more_change(name: str) -> None:
    image = photograph()
    changes = [np.abs(CORRUPTIONS[name](image, severity, chance()) - image).mean() for severity in SEVERITIES]
    assert all(less < more for less, more in pairwise(changes))
    assert changes[0] > 0.001


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "pixelate"])
def test_more_severity_is_more_change_of_eight_pixels_too(name: str) -> None:
    some = digits()[0][:100]
    changes = [
        np.mean([np.abs(CORRUPTIONS[name](image, severity, chance(n)) - image) for n, image in enumerate(some)])
        for severity in SEVERITIES
    ]
    assert all(less < more for less, more in pairwise(changes))
    assert changes[0] > 0.001


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "jpeg"])
def test_no_strength_is_no_change(name: str) -> None:
    for image in images():
        assert np.allclose(CORRUPTIONS[name].change(image, 0.0, chance()), image, rtol=0, atol=1e-15)


def test_jpeg_of_no_loss_is_an_image_in_whole_levels() -> None:
    for image in digits()[0][:20]:
        assert np.abs(CORRUPTIONS["jpeg"].change(image, 0.0, chance()) - image).max() <= 1.5 / 255


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_is_given_stays_as_it_is(name: str) -> None:
    image = photograph(40)
    before = image.copy()
    CORRUPTIONS[name](image, 5, chance())
    assert np.array_equal(image, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_draws_give_the_same_bits(name: str) -> None:
    image = photograph(40)
    found = [CORRUPTIONS[name](image, 3, chance(seed)) for seed in (7, 7, 8)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2]) == (name not in ALWAYS_DRAWN)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_classifier_that_knows_a_corruption_reads_the_labels_at_every_severity(name: str) -> None:
    """The label is still there: at the highest severity three of four digits, where chance has one of ten."""
    images, labels = digits()
    changed = [CORRUPTIONS[name](image, 5, chance(n)).ravel() for n, image in enumerate(images)]
    reader = SVC(C=10).fit(changed[:1000], labels[:1000])  # type: ignore[no-untyped-call]  # so in scikit-learn
    assert reader.score(changed[1000:], labels[1000:]) > 0.7


def test_gaussian_noise_has_its_deviation() -> None:
    grey = np.full((1, 200, 200), 0.5)
    found = CORRUPTIONS["gaussian_noise"].change(grey, 0.1, chance())
    assert abs(found.mean() - 0.5) < 0.002
    assert abs(found.std() - 0.1) < 0.002


def test_shot_noise_has_the_variance_of_counted_photons() -> None:
    grey = np.full((1, 300, 300), 0.5)
    found = CORRUPTIONS["shot_noise"].change(grey, 0.02, chance())
    assert abs(found.mean() - 0.5) < 0.002
    assert abs(found.var() - 0.5 * 0.02) < 0.0003


def test_impulse_noise_hits_its_share_half_of_it_white() -> None:
    grey = np.full((1, 300, 300), 0.5)
    found = CORRUPTIONS["impulse_noise"].change(grey, 0.2, chance())
    assert abs((found == 0).mean() - 0.1) < 0.005
    assert abs((found == 1).mean() - 0.1) < 0.005
    assert ((found == 0.5) | (found == 0) | (found == 1)).all()


def test_what_impulse_noise_hits_it_hits_at_every_higher_severity() -> None:
    grey = np.full((1, 50, 50), 0.5)
    hit = [CORRUPTIONS["impulse_noise"](grey, severity, chance()) != 0.5 for severity in SEVERITIES]
    assert all((more | ~less).all() for less, more in pairwise(hit))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_of_imagenet_c_has_its_formula_and_constants(severity: int) -> None:
    image = photograph()
    gaussian, shot, impulse = (
        CORRUPTIONS[f"imagenet_c_{name}"](image, severity, chance())
        for name in ("gaussian_noise", "shot_noise", "impulse_noise")
    )
    deviation, photons, share = (constants[severity - 1] for constants in OF_IMAGENET_C.values())
    assert np.allclose(gaussian, np.clip(image + chance().normal(size=image.shape, scale=deviation), 0, 1))
    assert np.allclose(shot, np.clip(chance().poisson(image * photons) / photons, 0, 1))
    # Salt and pepper, as scikit-image has it: each value by itself, both colours alike often.
    changed = impulse[impulse != image]
    assert set(np.unique(changed)) == {0.0, 1.0}
    inner = (image > 0) & (image < 1)
    assert float((impulse != image)[inner].mean()) == pytest.approx(share, abs=0.01)
    assert float(changed.mean()) == pytest.approx(0.5, abs=0.05)


def test_contrast_keeps_the_mean_of_each_channel_and_scales_the_rest() -> None:
    image = photograph(40)
    found = CORRUPTIONS["contrast"].change(image, 0.6, chance())
    assert np.allclose(found.mean(axis=(1, 2)), image.mean(axis=(1, 2)))
    assert np.allclose(found.std(axis=(1, 2)), 0.4 * image.std(axis=(1, 2)))


def test_fog_is_the_same_veil_in_all_channels_and_brightens_black() -> None:
    found = CORRUPTIONS["fog"].change(np.zeros((3, 20, 30)), 0.4, chance())
    assert np.array_equal(found[0], found[2])
    assert 0.2 <= found.min() < found.max() <= 0.4


def test_pixels_become_cells_of_their_mean() -> None:
    image = np.random.default_rng(0).random((1, 4, 4))
    found = CORRUPTIONS["pixelate"].change(image, 0.5, chance())
    cells = image.reshape(1, 2, 2, 2, 2).mean(axis=(2, 4))
    assert np.allclose(found, cells.repeat(2, axis=1).repeat(2, axis=2), atol=1e-6)


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur"])
def test_blur_leaves_an_even_image_even(name: str) -> None:
    even = np.full((3, 17, 12), 0.3)
    assert np.allclose(CORRUPTIONS[name](even, 5, chance()), even, atol=1e-12)
