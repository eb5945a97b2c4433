"""A recipient's batch job: load whatever version `@Champion` is today, and score some flowers with it.

    python examples/score_with_champion.py globex.share acme_share

Run it again after the provider has moved the alias: the same line loads the new version.
"""

from __future__ import annotations

import sys

import pandas as pd

import model_sharing

FLOWERS = pd.DataFrame(
    {
        "sepal length (cm)": [5.1, 6.0, 6.9],
        "sepal width (cm)": [3.5, 2.9, 3.1],
        "petal length (cm)": [1.4, 4.5, 5.4],
        "petal width (cm)": [0.2, 1.5, 2.1],
    }
)


def main(profile: str, share: str) -> None:
    catalog = model_sharing.mount(profile, share=share, name="vendor", trust_remote_code=True)
    print("models:   ", ", ".join(model.full_name for model in catalog.list_models()))
    print("champion:  version", catalog.resolve("ml_team.iris_model@Champion").version)
    model = model_sharing.load_model("models:/vendor.ml_team.iris_model@Champion")
    print("scores:   ", [int(species) for species in model.predict(FLOWERS)])


if __name__ == "__main__":
    main(*sys.argv[1:])
