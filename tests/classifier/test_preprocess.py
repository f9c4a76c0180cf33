import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from auroral_stats.errors import DataError, UsageError
from classifier.percentiles import percentile_pair, percentile_pair_on_device
from classifier.recipes import FRAME_DISC, OATH_DISC, RECIPES, Disc, Recipe, find_recipe
from classifier.resampling import resize, triangle_weights

torch = pytest.importorskip("torch")

from classifier import preprocess as room
from classifier.preprocess import preprocess

RAW = [recipe for recipe in RECIPES.values() if recipe.input_dtype == "uint16"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def skies(count: int, seed: int = 0) -> np.ndarray:
    """Discs of light with gradients, a band and stars, on a dark border, partly above 32767."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:256, :256]
    light = (
        1500 + rng.uniform(0, 12, (count, 1, 1)) * row + rng.uniform(0, 9, (count, 1, 1)) * column
    )
    light = light + 4000 * np.exp(-(((row - rng.uniform(60, 200, (count, 1, 1))) / 9) ** 2))
    light = light * (np.hypot(row - 127, column - 127) < 123) * rng.uniform(1, 8, (count, 1, 1))
    frames = np.minimum(rng.poisson(3300 + light), 65535).astype(np.uint16)
    frames.reshape(count, -1)[:, rng.integers(0, 65536, 30)] = 65535
    assert frames.max() > 32767
    return frames


def slow(frame: np.ndarray, recipe: Recipe, size: int) -> np.ndarray:
    """Carry out the recipe of a raw frame as it is written down, in float64, step by step."""
    x = frame.astype(np.float64)
    if recipe.median == 3:
        x = ndimage.median_filter(x, size=3, mode="nearest")
    if recipe.binning == 2:
        x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
    if recipe.centre:
        top, left = ((side - recipe.centre) // 2 for side in x.shape)
        x = x[top : top + recipe.centre, left : left + recipe.centre]
    row, column = np.indices(x.shape)
    inside = np.ones(x.shape, dtype=bool)
    if recipe.disc is not None:
        inside = (row - recipe.disc.row) ** 2 + (column - recipe.disc.column) ** 2 <= 108.8**2
    m = np.percentile(x[inside] if recipe.stretch == "disc" else x, 1)
    over = x - m
    big = np.percentile(over[inside] if recipe.stretch == "disc" else over, 99)
    x = np.where(inside, np.clip(over / big, 0, 1), 0.0)
    if recipe.disc is not None:
        rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
        x = x[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x = x[:, ::-1].copy()
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(x)[None, None], size=(size, size), mode="bilinear", antialias=True
    )
    return resized[0, 0].numpy()


@pytest.mark.parametrize("recipe", RAW, ids=lambda recipe: recipe.id)
@pytest.mark.parametrize("size", [64, 128, 217, 256])
def test_a_recipe_is_carried_out_as_it_is_written_down(recipe, size):
    frames = skies(2)
    found = preprocess(frames, recipe, size)
    assert found.shape == (2, 1, size, size)
    for frame, one in zip(frames, found.numpy(), strict=True):
        np.testing.assert_allclose(one[0], slow(frame, recipe, size), atol=2e-6)


def test_the_recipes_differ_in_what_they_say():
    frames = skies(3)
    disc, frame, kvammen = (preprocess(frames, recipe.id, 64) for recipe in RAW)
    # The dark border is in the percentiles of a whole frame, and the sky then lies far above it.
    assert frame.mean() > disc.mean() + 0.1
    assert kvammen[:, 0, 0, 0].max() < 0.05 < kvammen[:, 0, 32, 32].min()


@pytest.mark.parametrize("recipe", list(RECIPES))
@pytest.mark.parametrize("size", [64, 128])
def test_a_frame_does_not_depend_on_its_batch(recipe, size):
    frames = skies(39)
    if RECIPES[recipe].input_dtype == "uint8":
        frames = (frames >> 8).astype(np.uint8)
    together = preprocess(frames, recipe, size)
    for length in (1, 3, 17):
        parts = [preprocess(frames[i : i + length], recipe, size) for i in range(0, 39, length)]
        assert torch.equal(torch.cat(parts), together)
    order = np.random.default_rng(5).permutation(39)
    assert torch.equal(preprocess(frames[order], recipe, size), together[order])
    torch.set_num_threads(2)
    try:
        many = np.concatenate([frames, frames])
        assert torch.equal(preprocess(many, recipe, size), torch.cat([together, together]))
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("recipe", list(RECIPES))
@pytest.mark.parametrize("size", [96, 217])
def test_the_way_of_other_devices_gives_the_same(recipe, size):
    frames = skies(5)
    if RECIPES[recipe].input_dtype == "uint8":
        frames = (frames >> 8).astype(np.uint8)
    cpu = torch.device("cpu")
    turn = np.zeros(5) if recipe != "kvammen-v1" else np.array([0, 0, 90, 33, 0.0])
    other = room._on_device(frames, RECIPES[recipe], size, cpu, turn)
    rotation = None if recipe != "kvammen-v1" else turn
    ours = preprocess(frames, recipe, size, rotation=rotation)[:, 0]
    np.testing.assert_allclose(other.numpy(), ours.numpy(), atol=1e-5)


def test_percentiles_of_the_disc_leave_one_in_a_hundred_black_and_white():
    smooth = np.random.default_rng(1).normal(20000, 3000, (4, 256, 256)).astype(np.uint16)
    ready = preprocess(smooth, size=217)[:, 0].numpy()[:, :, ::-1]  # 217 is the size of the disc
    inside = ready[:, FRAME_DISC.mask((256, 256))[FRAME_DISC.box]]
    assert inside.shape[1] == 37177
    np.testing.assert_allclose((inside == 1).mean(axis=1), 0.01, atol=2e-4)
    np.testing.assert_allclose((inside == 0).mean(axis=1), 0.01, atol=2e-4)
    outside = ready[:, ~FRAME_DISC.mask((256, 256))[FRAME_DISC.box]]
    assert (outside == 0).all()


def test_raw_frames_come_out_with_east_to_the_right():
    frame = np.full((1, 256, 256), 4000, dtype=np.uint16)
    frame[0, 100:110, 40:50] = 9000  # north-east: row 0 north, column 0 east
    for recipe in ("disc-percentile-v1", "frame-percentile-v1"):
        ready = preprocess(frame, recipe, 217)[0, 0].numpy()
        assert ready[86, 216 - 25] == 1  # rows 19 on, columns 18 to 234 reversed
        assert ready[86, 25] == 0
    assert preprocess(frame, "kvammen-v1", 128)[0, 0, 52, 127 - 22] == 1


def test_a_picture_of_the_oath_set_and_its_raw_frame_come_out_alike():
    frame = skies(1)
    low, high = np.percentile(frame[0][FRAME_DISC.mask((256, 256))], [1, 99])
    picture = np.clip((frame.astype(float) - low) / (high - low), 0, 1)
    picture = np.floor(255 * picture) * FRAME_DISC.mask((256, 256))
    published = picture[:, :, ::-1].astype(np.uint8)
    assert not published[0][~OATH_DISC.mask((256, 256))].any()
    raw = preprocess(frame, "disc-percentile-v1", 128)
    from_picture = preprocess(published, "oath-png-v1", 128)
    difference = (raw - from_picture).numpy()
    assert difference.min() > -1e-6
    assert difference.max() < 1 / 255 + 1e-6


@pytest.mark.parametrize("recipe", [recipe.id for recipe in RAW])
@pytest.mark.parametrize("value", [0, 1, 3300, 40000, 65535])
def test_constant_dark_and_saturated_frames_are_black(recipe, value):
    frames = np.full((3, 256, 256), value, dtype=np.uint16)
    found = preprocess(frames, recipe, 64)
    assert (found == 0).all()
    # a few hot pixels above a constant sky are white, and nothing is NaN
    frames[1:, 120:123, 120:123] = 65535
    found = preprocess(frames, recipe, 128)
    assert torch.isfinite(found).all()
    assert found[0].max() == 0
    if value < 65535:
        assert found[1].max() == 1
    else:
        assert found[1].max() == 0


def test_counts_above_32767_are_not_negative():
    ramp = np.linspace(20000, 65535, 65536).astype(np.uint16).reshape(1, 256, 256)
    upright = preprocess(ramp, size=64)[0, 0, :, 32].numpy()
    assert (np.diff(upright) >= -1e-6).all()
    through_device = room._on_device(
        ramp, RECIPES["disc-percentile-v1"], 64, torch.device("cpu"), np.zeros(1)
    )
    np.testing.assert_allclose(through_device[0, :, 32].numpy(), upright, atol=1e-5)
    assert room._as_float(ramp, torch.device("cpu")).max() == 65535


def test_frames_may_be_mapped_swapped_strided_or_tensors(tmp_path):
    frames = skies(4)
    expected = preprocess(frames, size=64)
    np.save(tmp_path / "frames.npy", frames.astype(">u2"))
    mapped = np.load(tmp_path / "frames.npy", mmap_mode="r")
    assert mapped.dtype.byteorder == ">"
    for same in (mapped, torch.from_numpy(frames), np.asfortranarray(frames)):
        assert torch.equal(preprocess(same, size=64), expected)
    turned = frames[:, ::-1, ::-1]
    assert torch.equal(preprocess(turned, size=64), preprocess(turned.copy(), size=64))
    by_device = room._on_device(
        mapped, RECIPES["disc-percentile-v1"], 64, torch.device("cpu"), np.zeros(4)
    )
    np.testing.assert_allclose(by_device.numpy(), expected[:, 0].numpy(), atol=1e-5)


def test_frames_stay_as_they_were():
    frames = skies(2)
    before = frames.copy()
    for recipe in RAW:
        preprocess(frames, recipe, 64)
        room._on_device(frames, recipe, 64, torch.device("cpu"), np.zeros(2))
    assert np.array_equal(frames, before)


def test_dtype_of_the_result_and_no_frames_at_all():
    frames = skies(2)
    half = preprocess(frames, size=64, dtype=torch.float16)
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.float(), preprocess(frames, size=64), atol=5e-4)
    assert preprocess(frames[:0], size=64).shape == (0, 1, 64, 64)


def test_memory_is_bounded_by_the_result():
    import tracemalloc

    frames = np.broadcast_to(skies(1), (600, 256, 256))
    preprocess(frames[:16], size=16)
    tracemalloc.start()
    preprocess(frames, size=16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # the frames alone are 79 MB as counts, 113 MB as the disc in float32


def test_rotation_brings_magnetic_north_up():
    frames = np.full((4, 256, 256), 3300, dtype=np.uint16)
    frames[0, 4:24, 118:138] = 9000  # upper edge: 0 deg
    frames[1, 118:138, 232:252] = 9000  # right edge: 90 deg clockwise
    frames[2, 232:252, 118:138] = 9000
    frames[3, 118:138, 4:24] = 9000
    ready = preprocess(frames, "kvammen-v1", 64, rotation=[0, 90, 180, 270])
    for one in ready[1:]:
        assert torch.equal(one, ready[0])
    assert ready[0, 0, 3, 32] == 1
    # between the quarters: a spot at 30 deg comes within a pixel of where the turn says
    slanted = np.full((1, 256, 256), 3300, dtype=np.uint16)
    row, column = 127.5 - 80 * np.cos(np.pi / 6), 127.5 + 80 * np.sin(np.pi / 6)
    near = np.hypot(*(np.mgrid[:256, :256] - np.array([row, column])[:, None, None])) < 12
    slanted[0, near] = 9000
    upright = preprocess(slanted, "kvammen-v1", 128, rotation=30)[0, 0].numpy()
    centre = ndimage.center_of_mass(upright)
    assert centre == pytest.approx((63.5 - 40, 63.5), abs=0.3)
    with pytest.raises(UsageError, match="does not turn"):
        preprocess(slanted, rotation=30)
    with pytest.raises(UsageError, match="one for each of the 1 frames"):
        preprocess(slanted, "kvammen-v1", rotation=[1, 2])


def test_other_sizes_are_for_recipes_that_take_them():
    wide = np.random.default_rng(0).integers(0, 65535, (2, 479, 720)).astype(np.uint16)
    ready = preprocess(wide, "kvammen-v1", 128)
    # of 239 x 360 averaged pixels the central 128 x 128 are rows 55 to 182, columns 116 to 243
    expected = slow(wide[1, :478], RECIPES["kvammen-v1"], 128)
    np.testing.assert_allclose(ready[1, 0].numpy(), expected, atol=2e-6)
    with pytest.raises(DataError, match="frames of 256 x 256 pixels"):
        preprocess(wide)
    with pytest.raises(DataError, match="at least 256 x 256"):
        preprocess(wide[:, :200], "kvammen-v1")
    with pytest.raises(DataError, match="row, column"):
        preprocess(wide[0, :256, :256])


def test_requests_that_cannot_be_met_are_explained():
    frames = skies(1)
    with pytest.raises(UsageError, match="'disc' is not known; known are disc-percentile-v1"):
        preprocess(frames, "disc")
    with pytest.raises(DataError, match=r"float64 came.* takes uint16"):
        preprocess(frames.astype(float))
    with pytest.raises(DataError, match=r"uint16 came.* takes uint8"):
        preprocess(frames, "oath-png-v1")
    with pytest.raises(UsageError, match="size: 8 came"):
        preprocess(frames, size=8)
    with pytest.raises(UsageError, match="floating type"):
        preprocess(frames, dtype=torch.uint8)
    with pytest.raises(UsageError, match=r"device 'nowhere' cannot be used .*take 'cpu'"):
        preprocess(frames, device="nowhere")
    with pytest.raises(UsageError, match="list came"):
        preprocess(frames.tolist())


def test_recipes_are_named_once_and_do_not_change():
    # Labels are stored with these ids: a change of what one means needs a new id.
    assert find_recipe(RECIPES["oath-png-v1"]) is RECIPES["oath-png-v1"]
    disc, frame, kvammen, png = RECIPES.values()
    assert [r.id for r in RECIPES.values()] == list(RECIPES)
    assert (disc.stretch, disc.percentiles, disc.mirror) == ("disc", (1.0, 99.0), True)
    assert disc.disc == frame.disc == Disc(127.0, 127.0, 0.85 * 128)
    assert (frame.stretch, frame.percentiles, frame.mirror) == ("frame", (1.0, 99.0), True)
    assert (kvammen.median, kvammen.binning, kvammen.centre, kvammen.disc) == (3, 2, 128, None)
    assert (png.disc, png.stretch, png.mirror) == (Disc(127.0, 128.0, 0.85 * 128), None, False)


counts = st.integers(1, 40).flatmap(
    lambda m: arrays(np.uint16, st.tuples(st.integers(1, 4), st.just(m)), elements={"min_value": 0})
)


@settings(max_examples=150)
@given(counts, st.floats(0, 100), st.floats(0, 100))
def test_percentiles_are_those_of_numpy(values, p, q):
    pair = (min(p, q), max(p, q))
    expected = np.percentile(values, pair, axis=1)
    on_device = percentile_pair_on_device(torch.from_numpy(values.astype(np.float32)), pair)
    found = percentile_pair(values.copy(), pair)
    assert np.array_equal(np.stack(found), expected)
    assert np.array_equal(np.stack([one.numpy() for one in on_device]), expected)


def test_percentiles_of_many_equal_counts():
    rng = np.random.default_rng(3)
    values = rng.choice([3, 5, 65535], (4, 37177), p=[0.985, 0.005, 0.01]).astype(np.uint16)
    expected = np.percentile(values, (1, 99), axis=1)
    assert np.array_equal(np.stack(percentile_pair(values.copy(), (1, 99))), expected)


@pytest.mark.parametrize(
    ("length", "size"), [(217, 64), (217, 128), (217, 256), (128, 200), (9, 16)]
)
def test_resampling_is_that_of_torch_and_pillow(length, size):
    frames = np.random.default_rng(0).random((3, length, length), dtype=np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(frames)[None], size=(size, size), mode="bilinear", antialias=True
    )[0]
    np.testing.assert_allclose(resize(frames, size), theirs.numpy(), atol=1e-5)
    image = pytest.importorskip("PIL.Image")
    pillow = image.fromarray(frames[0]).resize((size, size), image.Resampling.BILINEAR)
    np.testing.assert_allclose(resize(frames, size)[0], np.asarray(pillow), atol=1e-5)


@given(st.integers(2, 300), st.integers(2, 300))
def test_weights_keep_a_constant_and_are_symmetric(length, size):
    weights = triangle_weights(length, size)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-9)
    assert (weights >= 0).all()
