"""An experiment's configuration as spaces, as the module beside a study composes them."""

from pathlib import Path

import quadrat as qd

SWEEPS = {
    "seed": qd.grid(seed=[1, 2, 42]),
    "drop": qd.grid(drop_variables=[[], ["redshift"], ["redshift", "colour"]]),
}


def composed(config_dir: Path, config_name: str) -> dict[str, qd.Space]:
    """Two sweeps of the flow under labels, the trees of both models, and one catalogue."""
    tree = {"_target_": "models.Flow", "width": 64, "root": str(config_dir / config_name)}
    flows = qd.points([])
    for name, space in SWEEPS.items():
        flows = flows + qd.label(sweep=name) * qd.points([{"model": tree}]) * space
    return {"vae": qd.points([{"model": {"_target_": "models.Vae", "latent": 8}}]), "flow": flows}
