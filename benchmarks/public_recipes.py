"""The recipes for the public sets, as words of SET."""

from __future__ import annotations

TAUGHT = "yes/no after 4-class"
# Chosen on the validation split.
RECIPE = (
    "training.architecture=mobilenet",
    "training.epochs=20",
    "training.warmup_epochs=2",
    "training.warmup_learning_rate=0.005",
    "training.fine_tune_learning_rate=0.00015",
    "training.optimiser=adamw",
    "training.label_smoothing=0.1",
    "training.dropout=0.4",
    "training.early_stopping_monitor=val_balanced_accuracy",
    "imaging.crop=brain",
    "imaging.size_px=160",
    "augmentation.rotation_deg=15",
    "augmentation.zoom_fraction=0.15",
    "augmentation.shift_fraction=0.08",
    "augmentation.brightness_fraction=0.15",
    "augmentation.contrast_fraction=0.2",
)
SETS: dict[str, tuple[str, ...]] = {
    "4-class": ("dataset=brain-tumor-4class", *RECIPE),
    "yes/no": (
        "dataset=brain-tumor-yes-no",
        "pull.strip_metadata=true",
        *RECIPE,
        "training.batch_size=16",
        "training.warmup_epochs=4",
        "training.fine_tune_learning_rate=0.0001",
        "imaging.size_px=224",
    ),
}
# Chosen by folds of the pictures that are not in the test split: the same, from a trunk that `teacher` made.
SETS[TAUGHT] = (*SETS["yes/no"], "imaging.size_px=160")
