"""The experiment folder of the requirements, letter by letter: it composes through both front doors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quadrat.session import Request, open_session
from quadrat_studies.wwdc.composing import compose_experiment

PAGE = Path(__file__).resolve().parents[4] / "shared" / "requirements" / "4-wwdc-workflow.md"
NAMES = ("meta", "sweeps", "model", "train", "embed")
MORE = """\
  sweep_2: { param: 'x_ds.drop_variables', val: '["r", "g", "b"]', description: 'Drop the colour' }
  sweep_3: { param: 'x_ds.drop_variables', val: '["g", "angle", "scale"]', description: 'Drop green, scale and angle' }
  sweep_4: { param: 'x_ds.drop_variables', val: '["r", "angle", "scale"]', description: 'Drop red, scale and angle' }
"""


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder conf/ with that experiment; where the page has an ellipsis stand three sweeps."""
    if not PAGE.exists():
        pytest.skip("the page of the requirements is not beside the checkout")
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    folder = tmp_path / "conf" / "experiment" / "RGBMNIST_FLOW"
    folder.mkdir(parents=True)
    for name, text in zip(NAMES, blocks, strict=False):
        (folder / f"{name}.yaml").write_text(re.sub(r"^  sweep_2:\n    \.\.\.\n", MORE, text, flags=re.MULTILINE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.delenv("QUADRAT_STORE", raising=False)
    return tmp_path / "conf"


@pytest.mark.usefixtures("conf")
def test_the_folder_is_a_plan() -> None:
    sizes = {
        name: task.size
        for name, task in open_session("wwdc", None, Request(overrides=("experiment=RGBMNIST_FLOW",)))
        .plan()
        .tasks.items()
    }
    assert (sizes["vae"], sizes["flow"], sizes["embed"], sizes["pictures"]) == (1, 12, 12, 4)


def test_its_interpolations_are_hydras(conf: Path) -> None:
    train = compose_experiment(conf, "experiment/RGBMNIST_FLOW/train")
    embed = compose_experiment(conf, "experiment/RGBMNIST_FLOW/embed")
    assert train.get("meta.experiment_path") == f"{conf.parent}/data/COLOUR_MNIST/FLOW/"
    assert train.get("lightning_loader.vae_ckpt_path").endswith("COLOUR_MNIST/VAE/ckpts/5239514.ckpt")
    assert train.get("model_checkpoint.dirpath") == f"{conf.parent}/data/COLOUR_MNIST/FLOW//ckpts/"
    for composed in (train, embed):
        (_, drops), (seed, seeds) = composed.sweep()
        assert drops[0] == ["b", "angle", "scale"]
        assert (len(drops), seed, seeds) == (4, "seed", [42, 43, 44])
    assert embed.get("splits") == ["test"]
