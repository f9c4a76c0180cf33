import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auroral_stats.errors import ArchiveError, AuroralStatsError, DataError, UsageError

torch = pytest.importorskip("torch")

from classifier.checkpoint import build_model, load_checkpoint
from classifier.contrastive_step import contrastive_gradients, contrastive_model, views_of_step
from classifier.optimisers import optimiser_state, restore_optimiser, trained_by
from classifier.pretrain import Status, TrainingStopped, history_path, pretrain
from classifier.ranks import Ranks
from classifier.training_images import TrainingImages
from classifier.training_plan import PRESETS, TrainingPlan, plan_from_json, preset
from classifier.training_state import state_path
from classifier.views import Augmentations

PLAN = TrainingPlan(architecture="resnet10", size=32, epochs=3, batch=8, seed=5)
ALONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(n: int = 27, size: int = 32, seed: int = 0, *, simulated: bool = True):
    """Bands of random direction and place, a little like arcs."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:size, :size] / size - 0.5
    angle, shift, width = (
        rng.uniform(0, np.pi, n),
        rng.uniform(-0.3, 0.3, n),
        rng.uniform(20, 90, n),
    )
    across = row * np.cos(angle)[:, None, None] + column * np.sin(angle)[:, None, None]
    x = np.exp(-width[:, None, None] * (across - shift[:, None, None]) ** 2)
    x = (255 * np.clip(x + rng.normal(0, 0.03, x.shape), 0, 1)).astype(np.uint8)
    return TrainingImages(
        images=torch.from_numpy(x)[:, None],
        station=np.array(["gill"] * n),
        time=np.full(n, np.datetime64("2014-03-10", "ms")),
        recipe="disc-percentile-v1",
        trained_on="simulated bands" if simulated else "bands",
        fingerprint=f"{seed}-{n}",
        simulated=simulated,
    )


def state_of(path: Path) -> dict[str, "torch.Tensor"]:
    return load_checkpoint(path).tensors


class Stop:
    """Ask a training to stop after some steps, as Ctrl-C does, and remember its losses."""

    def __init__(self, after: int = 10**9) -> None:
        self.after, self.seen = after, {}

    def __call__(self, status: Status) -> None:
        self.seen[status.step] = (status.epoch, status.loss)
        if status.step == self.after:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "encoder.safetensors"
    stop = Stop()
    history = pretrain(pictures(), PLAN, out, device="cpu", report=stop, half=False)
    return out, history, stop.seen


def test_a_training_leaves_an_encoder_and_its_history(whole):
    out, history, _ = whole
    found = load_checkpoint(out, kind="encoder")
    assert found.header.size == 32
    assert found.header.simulated
    assert found.header.model_trained_on == "simulated bands"
    assert found.header.data_fingerprint == "0-27"
    assert plan_from_json({name: found.header.training[name] for name in PLAN.as_json()}) == PLAN
    assert build_model(found.header, found.tensors)(torch.rand(2, 1, 32, 32)).shape == (2, 512)
    with history_path(out).open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "epoch", "loss", "learning_rate", "images_per_second", "seconds", "simulated",
    ]  # fmt: skip
    assert [float(row["loss"]) for row in rows] == pytest.approx(
        [row.loss for row in history], rel=1e-5
    )
    assert {row["simulated"] for row in rows} == {"true"}
    assert sorted(each.name for each in out.parent.iterdir()) == [
        "encoder.loss.csv", "encoder.safetensors",
    ]  # fmt: skip


def test_learning_lowers_the_loss(tmp_path: Path):
    plan = replace(PLAN, epochs=12, batch=16)
    losses = [
        row.loss for row in pretrain(pictures(32), plan, tmp_path / "e.safetensors", device="cpu")
    ]
    assert np.mean(losses[-3:]) < losses[0] - 0.4


@pytest.mark.parametrize("after", [3, 5])
def test_a_training_that_was_stopped_goes_on_to_the_bit(after: int, whole, tmp_path: Path):
    out = tmp_path / "encoder.safetensors"
    with pytest.raises(TrainingStopped, match=f"after step {after} of 9; go on with --resume"):
        pretrain(pictures(), PLAN, out, device="cpu", report=Stop(after), half=False)
    load_checkpoint(out)
    second = Stop()
    history = pretrain(pictures(), PLAN, out, device="cpu", resume=True, report=second, half=False)
    expected_out, expected, seen = whole
    assert [row.loss for row in history] == [row.loss for row in expected]
    assert second.seen == {step: each for step, each in seen.items() if step > after}
    for name, value in state_of(expected_out).items():
        assert torch.equal(state_of(out)[name], value), name
    assert not state_path(out).exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"optimiser": "lars", "learning_rate": 0.1, "schedule": "cosine", "warmup": 1.0},
        {"optimiser": "adamw", "weight_decay": 0.01, "channels_last": True, "accumulate": 2},
        {"augmentations": Augmentations(noise=0.1, rotation=20.0), "bf16": True},
    ],
)
def test_every_option_goes_on_to_the_bit(changed: dict, tmp_path: Path):
    plan = replace(PLAN, epochs=2, **changed)
    once = pretrain(pictures(17), plan, tmp_path / "a.safetensors", device="cpu")
    out = tmp_path / "b.safetensors"
    with pytest.raises(TrainingStopped):
        pretrain(pictures(17), plan, out, device="cpu", report=Stop(3))
    again = pretrain(pictures(17), plan, out, device="cpu", resume=True)
    assert [row.loss for row in again] == [row.loss for row in once]
    a, b = state_of(tmp_path / "a.safetensors"), state_of(out)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_seeds_decide_and_global_random_numbers_do_not(whole, tmp_path: Path):
    torch.manual_seed(1234)
    short = replace(PLAN, epochs=1)
    same = pretrain(pictures(), short, tmp_path / "a.safetensors", device="cpu")
    other = pretrain(pictures(), replace(short, seed=6), tmp_path / "b.safetensors", device="cpu")
    assert same[0].loss == whole[1][0].loss
    assert other[0].loss != same[0].loss


def test_a_finished_training_is_not_done_again(whole):
    out, history, _ = whole
    before = out.stat().st_mtime_ns
    again = pretrain(pictures(), PLAN, out, device="cpu", resume=True)
    assert [row.loss for row in again] == [row.loss for row in history]
    assert out.stat().st_mtime_ns == before


def test_an_unfinished_training_is_neither_lost_nor_mixed_up(tmp_path: Path):
    out = tmp_path / "e.safetensors"
    with pytest.raises(TrainingStopped):
        pretrain(pictures(), PLAN, out, device="cpu", report=Stop(2))
    with pytest.raises(UsageError, match=r"unfinished training.*--resume"):
        pretrain(pictures(), PLAN, out, device="cpu")
    with pytest.raises(UsageError, match=r"began with seed 5, now 7"):
        pretrain(pictures(), replace(PLAN, seed=7), out, device="cpu", resume=True)
    with pytest.raises(UsageError, match="other pictures"):
        pretrain(pictures(seed=1), PLAN, out, device="cpu", resume=True)
    content = state_path(out).read_bytes()
    state_path(out).write_bytes(content[:-100])
    with pytest.raises(DataError, match="cut short or altered"):
        pretrain(pictures(), PLAN, out, device="cpu", resume=True)
    state_path(out).write_bytes(content)
    # the learning rate is constant, so that more epochs may be asked for
    longer = pretrain(pictures(), replace(PLAN, epochs=4), out, device="cpu", resume=True)
    assert len(longer) == 4


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path):
    out = tmp_path / "e.safetensors"
    plan = replace(PLAN, epochs=50)

    def spoil(status: Status) -> None:
        if status.step == 4:
            # as a learning rate that is far too high does, sooner or later
            object.__setattr__(plan, "learning_rate", 1e38)

    with pytest.raises(
        DataError, match=r"grown beyond all numbers in epoch 2; .*last good"
    ) as caught:
        pretrain(pictures(), plan, out, device="cpu", report=spoil, save_every=0.0)
    assert "\n" not in str(caught.value)
    kept = load_checkpoint(out)
    assert all(value.isfinite().all() for value in kept.tensors.values())
    assert kept.header.training["epochs_done"] == 1


def test_pictures_that_do_not_fit_the_plan_are_refused(tmp_path: Path):
    out = tmp_path / "e.safetensors"
    with pytest.raises(UsageError, match="batch of at most 5"):
        pretrain(pictures(5), PLAN, out, device="cpu")
    with pytest.raises(UsageError, match="load them with size=64"):
        pretrain(pictures(), replace(PLAN, size=64), out, device="cpu")
    with pytest.raises(ArchiveError, match="cannot be written"):
        pretrain(pictures(), PLAN, "/dev/null/e.safetensors", device="cpu")
    with pytest.raises(UsageError) as caught:
        TrainingPlan(epochs=0, schedule="linear", accumulate=3, seed=-1)
    assert all(name in str(caught.value) for name in ("epochs", "schedule", "accumulate", "seed"))


FULL_DISK = """
import resource, signal, sys
from test_pretrain import PLAN, pictures
from auroral_stats.errors import ArchiveError
from classifier.pretrain import pretrain
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def fill(status):
    if status.step == 5:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

try:
    pretrain(pictures(), PLAN, sys.argv[1], device="cpu", report=fill, save_every=0.0)
except ArchiveError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_the_training_can_go_on(whole, tmp_path: Path):
    out = tmp_path / "encoder.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(out)],
        cwd=Path(__file__).parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be written (" in done.stdout
    assert done.stdout.count("\n") == 1
    load_checkpoint(out)
    history = pretrain(pictures(), PLAN, out, device="cpu", resume=True)
    assert [row.loss for row in history] == [row.loss for row in whole[1]]


def on_rank(folder: str) -> None:
    """What each of two processes does; this file runs itself for that."""
    torch.set_num_threads(1)
    pretrain(pictures(), replace(PLAN, epochs=1), f"{folder}/e.safetensors", half=False)


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path):
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    common["MASTER_PORT"] = str(20000 + os.getpid() % 20000)
    running = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
        )
        for rank in range(2)
    ]
    assert [process.wait(150) for process in running] == [0, 0]
    out = tmp_path / "one.safetensors"
    history = pretrain(pictures(), replace(PLAN, epochs=1), out, device="cpu", half=False)
    one, two = load_checkpoint(out), load_checkpoint(tmp_path / "e.safetensors")
    assert two.header.training["loss"] == pytest.approx(history[0].loss, rel=1e-4)
    for name in ("bn1.running_mean", "bn1.running_var", "layer4.0.bn2.running_var"):
        torch.testing.assert_close(two.tensors[name], one.tensors[name], rtol=1e-3, atol=1e-5)


def test_gradients_of_a_step_in_parts_are_those_of_the_whole_but_for_batch_statistics():
    model = contrastive_model(PLAN).eval()  # batch statistics would be those of the parts
    views = views_of_step(pictures().images, torch.arange(8), PLAN, 0, ALONE)
    found = []
    for parts in (1, 4):
        model.zero_grad()
        loss = contrastive_gradients(model, views, replace(PLAN, accumulate=parts), ALONE)
        found.append((loss, torch.cat([w.grad.flatten() for w in model.parameters()])))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=0)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-3, atol=1e-6)


def test_both_views_of_a_picture_come_from_it_and_differ():
    images = pictures().images
    views = views_of_step(images, torch.tensor([3, 3, 9]), PLAN, 7, ALONE)
    assert views.shape == (2, 3, 1, 32, 32)
    assert not torch.equal(views[0], views[1])
    again = views_of_step(images, torch.tensor([3, 3, 9]), PLAN, 7, ALONE)
    assert torch.equal(views, again)
    still = Augmentations(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)
    views = views_of_step(
        images, torch.tensor([3, 9]), replace(PLAN, augmentations=still), 0, ALONE
    )
    torch.testing.assert_close(views[1], images[[3, 9]] / 255, atol=1e-5, rtol=0)


def test_lars_follows_its_formula():
    w, b = torch.nn.Parameter(torch.full((2, 2), 2.0)), torch.nn.Parameter(torch.ones(2))
    lars = trained_by("lars", [w, b], 0.5, weight_decay=0.1)
    velocity, expected = torch.zeros(2, 2), w.detach().clone()
    for _ in range(3):
        w.grad, b.grad = torch.eye(2), torch.ones(2)
        update = torch.eye(2) + 0.1 * expected
        velocity = 0.9 * velocity + 1e-3 * expected.norm() / update.norm() * update
        expected = expected - 0.5 * velocity
        lars.step()
    torch.testing.assert_close(w.detach(), expected)
    # plain momentum: 0.5 * (1 + 1.9 + 2.71)
    torch.testing.assert_close(b.detach(), torch.full((2,), 1 - 0.5 * 5.61))


@pytest.mark.parametrize("name", ["adam", "adamw", "lars"])
def test_an_optimiser_that_was_restored_goes_on_alike(name: str):
    def weights():
        torch.manual_seed(0)
        w = torch.nn.Parameter(torch.randn(3, 2, 3, 3).to(memory_format=torch.channels_last))
        return w, trained_by(name, [w], 0.1)

    def move(w, optimiser, seed: int) -> None:
        w.grad = torch.randn(w.shape, generator=torch.Generator().manual_seed(seed))
        w.grad = w.grad.to(memory_format=torch.channels_last)
        optimiser.step()

    one, first = weights()
    move(one, first, 0)
    two, second = weights()
    with torch.no_grad():
        two.copy_(one)
    # as a file gives them: contiguous
    state = {key: value.clone().contiguous() for key, value in optimiser_state(first).items()}
    restore_optimiser(second, state)
    for seed in (1, 2):
        move(one, first, seed)
        move(two, second, seed)
    assert torch.equal(one, two)


def test_presets_are_the_recipe_of_the_paper_and_the_declared_changes():
    paper = preset("paper")
    assert (paper.architecture, paper.epochs, paper.batch) == ("resnet18", 100, 128)
    assert (paper.optimiser, paper.learning_rate, paper.weight_decay) == ("adam", 3e-4, 0.0)
    assert (paper.temperature, paper.schedule) == (0.5, "constant")
    assert paper.augmentations == Augmentations()
    gpu = PRESETS["gpu"]
    assert gpu.bf16
    assert gpu.channels_last
    assert gpu.size >= 128
    assert 100 <= gpu.epochs <= 500
    assert replace(gpu, size=128, epochs=100, bf16=False, channels_last=False) == paper
    assert json.loads(json.dumps(gpu.as_json())) == gpu.as_json()
    with pytest.raises(UsageError, match="known are paper, cpu, gpu"):
        preset("tpu")


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(tmp_path: Path):
    plan = replace(PLAN, epochs=1)
    plain = pretrain(pictures(), plan, tmp_path / "a.safetensors", device="cpu")
    compiled = pretrain(
        pictures(), replace(plan, compile=True), tmp_path / "b.safetensors", device="cpu"
    )
    assert compiled[0].loss == pytest.approx(plain[0].loss, rel=1e-2)


@pytest.mark.slow
def test_the_command_is_stopped_by_a_signal_and_can_go_on(tmp_path: Path):
    from classifier.pgm import write_pgm

    rng = np.random.default_rng(0)
    for minute in range(3):
        time_of = np.datetime64(f"2014-03-10T06:0{minute}", "us") + np.arange(8) * np.timedelta64(
            6, "s"
        )
        frames = rng.poisson(3000 + 1000 * rng.random(), (8, 256, 256)).astype(np.uint16)
        path = tmp_path / f"20140310_060{minute}_gill_themis19_full.pgm.gz"
        write_pgm(path, frames, time_of, site="gill", simulated=True)
    out = tmp_path / "encoder.safetensors"
    command = [sys.executable, "-m", "classifier", "pretrain", str(tmp_path), "--out", str(out)]
    command += ["--size", "32", "--view-size", "32", "--batch", "8", "--cadence", "0"]
    command += ["--architecture", "resnet10", "--device", "cpu"]
    running = subprocess.Popen(
        [*command, "--epochs", "100000"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    # the first line of the training says that it is under way
    while "Training: epoch" not in (line := running.stderr.readline()):
        assert line, running.wait()
    running.send_signal(signal.SIGTERM)
    out_text, error_text = running.communicate(timeout=60)
    assert running.returncode == 130, error_text
    assert "simulated frames of gill, 24 pictures" in out_text
    assert "go on with --resume" in error_text
    assert "Traceback" not in error_text
    load_checkpoint(out)


def test_errors_of_training_are_those_of_the_package():
    assert issubclass(TrainingStopped, AuroralStatsError)
    assert TrainingStopped.exit_code == 130


if __name__ == "__main__":
    on_rank(sys.argv[1])
