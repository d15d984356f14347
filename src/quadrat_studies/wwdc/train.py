"""Train a VAE or flows by plain Hydra: the experiment folders of Quadrat's front door, without its store.

python -m quadrat_studies.wwdc.train -cn experiment/RGBMNIST_VAE/train -m
python -m quadrat_studies.wwdc.train -cn experiment/RGBMNIST_FLOW/train -m hydra/launcher=arc

Products go to $DATA_ROOT/{data_name}/{experiment_name}. Numbers are those of `quadrat run wwdc` for the same seeds.
"""

from __future__ import annotations

from omegaconf import DictConfig

from .fronts import Front, hydra_main


def main() -> None:
    """Run the command line."""
    hydra_main(train)


def train(config: DictConfig) -> float:
    """Train what the configuration describes; returns the validation loss.

    Raises:
        BadInput: whatever is wrong in the configuration, with file and key.
    """
    from .training.plain import train_flow, train_vae

    front = Front.of(config)
    return train_flow(front) if "flow" in front.job.tree.lightning_loader else train_vae(front)


if __name__ == "__main__":
    main()
