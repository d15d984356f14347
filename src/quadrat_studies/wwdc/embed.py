"""Embed by plain Hydra, with the flows that `quadrat_studies.wwdc.train` has trained.

python -m quadrat_studies.wwdc.embed -cn experiment/RGBMNIST_FLOW/embed -m
"""

from __future__ import annotations

from omegaconf import DictConfig

from .fronts import Front, hydra_main


def main() -> None:
    """Run the command line."""
    hydra_main(embed)


def embed(config: DictConfig) -> float:
    """Embed the splits of the configuration; returns the mean log p of the embedded test samples.

    Raises:
        BadInput: no flow of this sweep and seed, or whatever is wrong in the configuration.
    """
    from .inference.plain import embed_job

    return embed_job(Front.of(config))


if __name__ == "__main__":
    main()
