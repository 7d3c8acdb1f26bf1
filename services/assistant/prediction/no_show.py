"""A small model that predicts no-shows.

Train it with `python -m services.assistant.prediction.no_show train`. The data is synthetic and seeded: the same seed
gives the same data. The version is a hash of data and parameters: the same training has the same version everywhere.
"""

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ("lead_time_hours", "hour_of_day", "day_of_week", "previous_no_shows", "age")
# Years; used when a request has no age.
DEFAULT_AGE = 40.0
SAMPLES = 6000
SEED = 20
THRESHOLD = 0.5
SHOW, NO_SHOW = "show", "no_show"
_FILE = "no_show.joblib"

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """A prediction; `probability` is that of a no-show."""

    prediction: str
    probability: float


@dataclass(frozen=True)
class NoShowModel:
    """A trained model; `accuracy` is its share of correct predictions on the test data."""

    version: str
    accuracy: float
    pipeline: Pipeline

    def predict(self, features: dict[str, float]) -> Prediction:
        """Predict for one appointment; `features` has every name of FEATURES."""
        row = np.array([[features[name] for name in FEATURES]], dtype=np.float64)
        probability = float(self.pipeline.predict_proba(row)[0, 1])
        return Prediction(NO_SHOW if probability >= THRESHOLD else SHOW, probability)


def synthetic(seed: int = SEED) -> tuple[Matrix, NDArray[np.int64]]:
    """Generate SAMPLES appointments (columns as FEATURES), and for each whether it was missed (1) or kept (0)."""
    rng = np.random.default_rng(seed)
    lead = rng.gamma(shape=1.5, scale=72.0, size=SAMPLES).clip(0, 24 * 60)
    hour = rng.integers(8, 19, size=SAMPLES).astype(np.float64)
    day = rng.integers(0, 6, size=SAMPLES).astype(np.float64)
    missed_before = rng.poisson(0.5, size=SAMPLES).clip(0, 10).astype(np.float64)
    age = rng.normal(44, 16, size=SAMPLES).clip(16, 95)
    score = -2.2 + 0.007 * (lead - 72) + 1.1 * missed_before + 0.12 * np.abs(hour - 13) + 0.05 * day - 0.02 * (age - 44)
    missed = rng.random(SAMPLES) < 1 / (1 + np.exp(-score))
    return np.column_stack([lead, hour, day, missed_before, age]), missed.astype(np.int64)


def train(seed: int = SEED) -> NoShowModel:
    """Train on synthetic data, in less than a second."""
    rows, missed = synthetic(seed)
    train_rows, test_rows, train_missed, test_missed = train_test_split(rows, missed, test_size=0.25, random_state=seed)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
    pipeline.fit(train_rows, train_missed)
    accuracy = float(accuracy_score(test_missed, pipeline.predict(test_rows)))
    return NoShowModel(_version(pipeline, rows), accuracy, pipeline)


def save(model: NoShowModel, folder: Path) -> Path:
    """Write the model atomically and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _FILE
    part = target.with_suffix(".part")
    # Not the object itself: its class is `__main__.NoShowModel` when this module is the command.
    joblib.dump(vars(model), part)
    part.replace(target)
    return target


def load(folder: Path) -> NoShowModel | None:
    """Read the model; None without one, or when this version of scikit-learn cannot read it."""
    try:
        return NoShowModel(**joblib.load(folder / _FILE))
    except Exception:  # a file of another version can raise any error
        return None


def load_or_train(folder: Path) -> NoShowModel:
    """Read the model, or train and save it."""
    model = load(folder)
    if model is None:
        model = train()
        save(model, folder)
    return model


def _version(pipeline: Pipeline, rows: Matrix) -> str:
    """Return the version: a hash of features, parameters and data."""
    settings = json.dumps({"features": FEATURES, "parameters": repr(pipeline)}, sort_keys=True)
    digest = hashlib.sha256(settings.encode())
    digest.update(np.round(rows, 6).tobytes())
    return f"no-show-{digest.hexdigest()[:10]}"


def main(arguments: list[str] | None = None) -> None:
    """Command line: train and keep a model."""
    parser = argparse.ArgumentParser(prog="python -m services.assistant.prediction.no_show", description=main.__doc__)
    parser.add_argument("action", choices=["train"])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="folder that the model is kept in")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    model = train(given.seed)
    path = save(model, given.data_dir)
    print(f"{model.version}: accuracy {model.accuracy:.3f}, {time.perf_counter() - started:.1f} s, kept in {path}")


if __name__ == "__main__":
    main()
