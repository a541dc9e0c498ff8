"""The doctor examines what a user has: networks, what makes them, posteriors, acquisitions, rules."""

from pathlib import Path

import numpy as np
import pytest

from bayesal.bench.doctor import Task, examine

MODELS = """
import torch
from torch import nn
table = nn.Sequential(nn.Linear(7, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
def image():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(4 * 30 * 30, 2))
def sequence():
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.Dropout1d(0.5), nn.Flatten(), nn.Linear(4 * 62, 2))
def words():
    return nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 2))
def attention():
    return nn.Sequential(nn.Linear(4, 4), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True))
number = 5
"""


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_models.py").write_text(MODELS)
    return tmp_path


@pytest.mark.parametrize("name", ["table", "image", "sequence"])
def test_the_shape_of_a_point_is_read_off_the_first_layer(name: str):
    assert all(finding.passed for finding in examine(f"some_models:{name}"))


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_outputs_mean_what_the_task_says(task: Task):
    assert all(finding.passed for finding in examine("some_models:table", task=task))


def test_points_of_the_users_own_are_taken(models: Path):
    np.savez(models / "words.npz", inputs=np.random.default_rng(0).integers(0, 50, size=(40, 3)))
    assert all(finding.passed for finding in examine("some_models:words", inputs=models / "words.npz"))


def test_what_masks_cannot_reach_is_a_finding_with_the_modules_name():
    findings = examine("some_models:attention")
    assert [finding.passed for finding in findings] == [False]
    assert "1.self_attn" in findings[0].sentence


def test_what_is_no_part_of_active_learning_is_told():
    with pytest.raises(ValueError, match="pass some points"):
        examine("some_models:number")
    with pytest.raises(ValueError, match="pass some points with --inputs"):
        examine("some_models:words")


def test_parts_of_the_library_pass_by_name():
    assert all(finding.passed for finding in examine("bayesal.acquisitions:entropy", part="acquisition"))
    assert all(finding.passed for finding in examine("bayesal.selection:power", part="rule"))
    assert all(finding.passed for finding in examine("bayesal.selection:BatchBALD", part="rule"))
