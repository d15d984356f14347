"""What networks are made of, what they refuse, and published weights."""

from __future__ import annotations

import functools
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from quadrat import BadInput
from quadrat_studies.dynvision.architectures import DyRCNNx4, make_model
from quadrat_studies.dynvision.networks import RecurrentNetwork, build, load_pretrained, pretrained
from quadrat_studies.dynvision.networks.dynamics import Solver, Supralinearity, join
from quadrat_studies.dynvision.networks.layers import Connection
from quadrat_studies.dynvision.networks.plane import from_plane, plane_kernel, to_plane
from quadrat_studies.dynvision.networks.traces import Trace
from studies.dynvision.networks_made import Same, small


def made(
    name: str = "DyRCNNx2", image: tuple[int, int, int] = (1, 8, 8), classes: int = 4, **args: Any
) -> RecurrentNetwork:
    return build(make_model(name, args), classes, image, seed=5)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_the_cortical_plane_can_be_taken_apart_again(height: int, width: int, side: int) -> None:
    maps = torch.arange(2 * side * side * height * width, dtype=torch.float32).reshape(2, side * side, height, width)
    plane = to_plane(maps)
    assert plane.shape == (2, 1, side * height, side * width)
    assert torch.equal(from_plane(plane, side * side), maps)


def test_neighbouring_tiles_of_the_plane_share_the_features_at_their_edge() -> None:
    maps = torch.arange(9.0).reshape(1, 9, 1, 1).expand(1, 9, 2, 3)
    plane = to_plane(maps)[0, 0]
    assert torch.equal(plane[:3, :3], torch.arange(9.0).reshape(3, 3))
    for column in (2, 5):
        assert torch.equal(plane[:, column], plane[:, column + 1])
    assert torch.equal(plane[2], plane[3])
    assert [plane_kernel(channels) for channels in (36, 64, 121, 144, 256, 529)] == [3, 3, 3, 3, 5, 5]


def test_solvers() -> None:
    tau, drive, before = torch.tensor(5.0), torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.25])
    euler, rk4 = (Solver(2.0, method) for method in ("euler", "rk4"))
    torch.testing.assert_close(euler(drive, before, euler.weight(tau)), before + 0.4 * (drive - before))
    torch.testing.assert_close(euler(drive, None, euler.weight(tau)), 0.4 * drive)
    slope = lambda r: (drive - r) / 5.0  # noqa: E731
    k1 = slope(before)
    k2 = slope(before + k1)
    k3 = slope(before + k2)
    k4 = slope(before + 2 * k3)
    torch.testing.assert_close(rk4(drive, before, rk4.weight(tau)), before + 2 / 6 * (k1 + 2 * k2 + 2 * k3 + k4))


def test_a_trace_refuses_steps_that_have_been_let_go_of() -> None:
    trace = Trace()
    for step in range(4):
        trace.append(step, torch.full((1, 1, 1, 1, 1), float(step)))
    assert trace.read(1, 4).flatten().tolist() == [1, 2, 3]
    trace.forget(2)
    with pytest.raises(IndexError, match="steps 1 to 3 are not all remembered"):
        trace.read(1, 4)


def test_supralinearity_and_joining() -> None:
    x = torch.tensor([-2.0, 0.0, 3.0])
    torch.testing.assert_close(Supralinearity(2.0)(x), torch.tensor([-3.2, 0.0, 7.2]))
    torch.testing.assert_close(join(x, x, "mul"), x * (1 + torch.tanh(x)))
    assert join(None, None, "add") is None
    assert join(None, x, "mul") is None


def test_a_step_is_the_equation_of_the_model() -> None:
    """r(t) = ReLU(r(t−1) + (dt/τ)(W p + b + R r(t−d) − r(t−1))), with d of 3 steps."""
    network = made(skip=False, trc=6, tau=5, dt=2).double()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.3, generator=torch.Generator().manual_seed(1)) if parameter.ndim else None
    seen: list[Tensor] = []
    frame = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        network(frame, (0,) * 6, observe=lambda layer, _, a: seen.extend(a) if layer == "layer1" else None)
        layer = network.get_submodule("layer1")
        driven = layer.conv(frame)
        r = [torch.zeros_like(driven)]
        for step in range(6):
            recurrent = layer.recurrence(r[step - 2]) if step >= 3 else 0
            r.append(torch.relu(r[-1] + 0.4 * (driven + recurrent - r[-1])))
    torch.testing.assert_close(torch.stack(seen), torch.stack(r[1:]))


def test_shapes_of_inputs() -> None:
    network = made()
    assert network(torch.zeros(8, 8)).shape == (1, 1, 4)
    assert network(torch.zeros(1, 8, 8)).shape == (1, 1, 4)
    assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 1, 4)
    assert network(torch.zeros(3, 5, 1, 8, 8)).shape == (3, 5, 4)
    for shape in ((3, 8, 8), (2, 1, 8, 9), (2, 5, 2, 8, 8), (1, 1, 1, 1, 8, 8), (8,)):
        with pytest.raises(BadInput) as refused:
            network(torch.zeros(shape))
        assert str(shape) in str(refused.value)
        assert "(1, 8, 8)" in str(refused.value)
    with pytest.raises(BadInput, match="the order shows frame 1, and there are 1"):
        network(torch.zeros(3, 1, 8, 8), (0, 1))


@pytest.mark.parametrize(
    ("frames", "args", "message"),
    [
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), {}, r"input of shape \(2, 1, 8, 8\) has the type torch.uint8"),
        (torch.zeros(0, 1, 8, 8), {}, r"input of shape \(0, 1, 8, 8\) is empty"),
        (torch.zeros(2, 1, 8, 8), {"idle": -1}, "idle should be 0 or more, not -1"),
        (torch.zeros(2, 1, 8, 8), {"tbptt": 0}, "tbptt should be 1 or more, not 0"),
        (torch.zeros(2, 1, 8, 8), {"schedule": "quick"}, "there is no schedule 'quick'"),
    ],
)
def test_passes_that_cannot_be(frames: Tensor, args: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        made()(frames, **args)


def test_arguments_that_do_not_fit_are_refused_however_the_model_is_made() -> None:
    with pytest.raises(BadInput, match="the layers of DyRCNNx4 have no middle"):
        build(DyRCNNx4(rctarget="middle"), 4, (1, 8, 8), seed=0)


@given(
    there=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    here=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    conv=st.sampled_from([(1, 1), (1, 2), (3, 1)]),
)
def test_a_connection_is_its_convolution_brought_to_the_size_of_the_receiver(
    there: tuple[int, int], here: tuple[int, int], conv: tuple[int, int]
) -> None:
    """Whichever of the two is done first."""
    kernel, stride = conv
    mapped = nn.Conv2d(3, 5, kernel, stride, kernel // 2).double()
    activity = torch.randn(2, 3, *there, dtype=torch.float64)
    expected = functional.interpolate(mapped(activity), here, mode="nearest")
    torch.testing.assert_close(Connection("there", mapped, 0, "add", here)(activity), expected)


def test_time_constants_stay_those_of_the_network_when_their_tensors_are_replaced() -> None:
    one, other = made(tau=5), made(tau=20)
    frames = torch.ones(1, 1, 8, 8)
    assert not torch.equal(one(frames), other(frames))
    one.load_state_dict(other.state_dict(), assign=True)
    assert torch.equal(one(frames), other(frames))


def test_supralinearity_keeps_the_precision_of_its_input() -> None:
    assert Supralinearity(1.3)(torch.ones(2, dtype=torch.float16)).dtype == torch.float16


def test_images_that_are_too_small() -> None:
    with pytest.raises(BadInput, match="the images are too small for the model"):
        made("AlexNet", (3, 32, 32))


def test_recurrence_that_keeps_channels_cannot_arrive_where_there_are_others() -> None:
    one = small("Same", rctype="self", rctarget="input")
    assert one(torch.zeros(2, 4, 8, 8)).shape == (2, 1, 4)
    with pytest.raises(BadInput, match="recurrence of type 'self' keeps its 4 channels, and what it arrives at has 3"):
        build(Same(rctype="self", rctarget="input"), 4, (3, 8, 8), seed=0)


def test_weights_come_from_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same = made().state_dict(), made().state_dict()
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(
        one["layer1.conv.weight"], build(make_model("DyRCNNx2", {}), 4, (1, 8, 8), 6).state_dict()["layer1.conv.weight"]
    )


def test_self_recurrence_learns_its_bias() -> None:
    network = made(rctype="self")
    network(torch.randn(2, 1, 8, 8), (0,) * 8).square().sum().backward()
    assert network.get_parameter("layer1.recurrence.bias").grad is not None
    assert float(network.get_parameter("layer1.recurrence.bias").grad.abs()) > 0  # type: ignore[union-attr]


def test_the_input_adapts_and_later_frames_still_count() -> None:
    network = made(inadapt=0.5)
    frames = torch.randn(2, 3, 1, 8, 8)
    assert not torch.equal(network(frames)[:, -1], network(frames[:, :2], (0, 1, 1))[:, -1])


def test_answers_are_zero_until_something_arrives() -> None:
    network = made(tff=4, skip=False)
    assert network.n_residual == 4
    logits = network(torch.randn(2, 1, 8, 8), (0,) * 8)
    assert torch.equal(logits[:, :4], torch.zeros(2, 4, 4))
    assert bool((logits[:, 4:] != 0).all())


# --- published weights ----------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and where it is served."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(folder: Path, state: object) -> str:
    """Write a file of weights as they are published; returns its name, which has the beginning of its checksum."""
    file = folder / "weights.pth"
    torch.save(state, file)
    name = f"weights-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.pth"
    file.rename(folder / name)
    return name


def published_resnet18(classes: int) -> dict[str, Tensor]:
    """A state dict with the names and shapes that torchvision's model has."""
    state: dict[str, Tensor] = {}

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.rand(width)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    state["conv1.weight"] = torch.rand(64, 3, 7, 7)
    norm("bn1", 64)
    channels = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            stem = f"layer{stage}.{block}"
            state[f"{stem}.conv1.weight"] = torch.rand(width, channels, 3, 3)
            norm(f"{stem}.bn1", width)
            state[f"{stem}.conv2.weight"] = torch.rand(width, width, 3, 3)
            norm(f"{stem}.bn2", width)
            if channels != width:
                state[f"{stem}.downsample.0.weight"] = torch.rand(width, channels, 1, 1)
                norm(f"{stem}.downsample.1", width)
            channels = width
    state["fc.weight"], state["fc.bias"] = torch.rand(classes, 512), torch.rand(classes)
    return state


def test_published_weights_are_loaded_and_only_the_classifier_is_trained(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = served
    state = published_resnet18(1000)
    network = made("ResNet18", (3, 32, 32), classes=10, rctype="self")
    load_pretrained(network, url=f"{url}/{publish(folder, state)}", folder=tmp_path / "cache")
    ours = network.state_dict()
    assert torch.equal(ours["layer3.blocks.1.bn2.running_var"], state["layer3.1.bn2.running_var"])
    assert torch.equal(ours["conv1.blocks.conv.weight"], state["conv1.weight"])
    assert ours["classifier.2.weight"].shape == (10, 512)  # of the network's own number of classes
    trained = [name for name, one in network.named_parameters() if one.requires_grad]
    assert trained == ["classifier.2.weight", "classifier.2.bias"]


def test_the_classifier_too_where_the_classes_are_as_many(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    state = published_resnet18(10)
    network = made("ResNet18", (3, 32, 32), classes=10)
    load_pretrained(network, url=f"{url}/{publish(folder, state)}", folder=tmp_path)
    assert torch.equal(network.state_dict()["classifier.2.weight"], state["fc.weight"])


def test_published_names_of_the_other_models() -> None:
    for name, image, layers in (
        ("AlexNet", (3, 64, 64), {"features.8.weight": "conv4.conv.weight", "classifier.4.bias": "classifier.6.bias"}),
        (
            "CorNetRT",
            (3, 32, 32),
            {"module.V2.conv_input.bias": "V2.conv.bias", "module.IT.norm1.weight": "norm_IT.weight"},
        ),
    ):
        network = made(name, image)
        kind = network.model.kind
        own = network.state_dict()
        assert {pretrained._renamed(theirs, kind) for theirs in layers} == set(layers.values())
        assert set(layers.values()) <= own.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nowhere", "cannot be downloaded"),
        ("cut", "damaged"),
        ("other", r"of another model than ResNet18: it has layer9\.blocks\.weight"),
        ("less", "of another model than ResNet18: it lacks conv1.blocks.conv.weight"),
    ],
)
def test_weights_that_are_not_to_be_had(served: tuple[Path, str], tmp_path: Path, change: str, message: str) -> None:
    folder, url = served
    state = published_resnet18(10)
    if change == "other":
        state["layer9.weight"] = torch.rand(1)
    if change == "less":
        del state["conv1.weight"]
    name = publish(folder, state)
    if change == "cut":
        (folder / name).write_bytes((folder / name).read_bytes()[:1000])
    if change == "nowhere":
        (folder / name).unlink()
    with pytest.raises(BadInput, match=message):
        load_pretrained(made("ResNet18", (3, 32, 32), classes=10), url=f"{url}/{name}", folder=tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x80\x02" * 99])
def test_a_damaged_file_in_the_cache_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "resnet18-f37072fd.pth").write_bytes(content)
    with pytest.raises(BadInput, match="the file of weights is damaged: its checksum is not the one in its name"):
        load_pretrained(made("ResNet18", (3, 32, 32)), folder=tmp_path)


class Executes:
    """Prints when it is unpickled by a loader that trusts it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


@pytest.mark.parametrize("whole", [[torch.zeros(1)], Executes()])
def test_a_file_that_is_no_weights_is_told_and_not_executed(
    served: tuple[Path, str], tmp_path: Path, whole: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    with pytest.raises(BadInput, match="the file has no weights, or more than weights"):
        load_pretrained(made("ResNet18", (3, 32, 32)), url=f"{url}/{publish(folder, whole)}", folder=tmp_path)
    assert capsys.readouterr().out == ""


def test_published_weights_of_cornet(tmp_path: Path) -> None:
    """Under the names of the published file, which is laid into the cache by hand."""
    source = made("CorNetRT", (3, 32, 32), classes=10)
    state = {}
    for ours, value in source.state_dict().items():
        theirs = ours.replace("classifier.2", "decoder.linear").replace("mid_modules", "norm_input")
        theirs = theirs.replace(".conv.", ".conv_input.").replace(".conv2.", ".conv1.")
        theirs = re.sub(r"^norm_(\w+)\.", r"\1.norm1.", theirs)
        if "recurrence" not in ours:
            state[f"module.{theirs}"] = torch.rand(value.shape)
    name = publish(tmp_path, {"state_dict": state, "epoch": 3})
    network = made("CorNetRT", (3, 32, 32), classes=10)
    load_pretrained(network, url=f"https://nowhere.invalid/{name}", folder=tmp_path)
    ours = network.state_dict()
    assert torch.equal(ours["V2.conv2.weight"], state["module.V2.conv1.weight"])
    assert torch.equal(ours["norm_IT.bias"], state["module.IT.norm1.bias"])
    assert torch.equal(ours["classifier.2.weight"], state["module.decoder.linear.weight"])
    assert float(ours["V1.recurrence.weight"]) == 1


def test_models_without_published_weights() -> None:
    with pytest.raises(BadInput, match="there are no published weights for DyRCNNx2"):
        load_pretrained(made())


def test_a_model_of_ones_own_is_one_class() -> None:
    """A class with its areas and connections is a model, by its name."""
    from typing import ClassVar, Literal

    from quadrat_studies.dynvision.architectures import MODELS, Area, DyRCNN

    class Tiny(DyRCNN):
        """One area."""

        name: Literal["Tiny"] = "Tiny"
        areas = (Area("only", 4),)
        skips: ClassVar[dict[str, str]] = {}
        feedbacks: ClassVar[dict[str, str]] = {}

    try:
        assert made("Tiny", rctype="self")(torch.zeros(2, 1, 8, 8), (0, 0)).shape == (2, 2, 4)
        assert isinstance(made("Tiny").get_submodule("only.conv"), nn.Conv2d)
    finally:
        del MODELS["Tiny"]
