"""An outcome survives its folder unchanged, and a folder that is not what was written is refused."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesal.bench.pictures import data_uri, pictures_of
from bayesal.bench.results import ASKED, Outcome, load, save
from tests.bench.outcomes import classification, regression


def small(ids: list, labels: list) -> Outcome:
    results = pd.DataFrame(
        [{"method": "random", "seed": 0, "round": r, "labels": 5 + r, "accuracy": 0.5} for r in (0, 1)]
    )
    rows = [
        {"method": "random", "seed": 0, "round": 0, "order": n, "id": id_, "label": label, "score": None, "gain": None}
        for n, (id_, label) in enumerate(zip(ids, labels, strict=True))
    ]
    return Outcome({}, results, pd.DataFrame(rows, columns=list(ASKED)), {})


@pytest.mark.parametrize("made", [classification(seeds=2, rounds=3), regression(seeds=2, rounds=3)])
def test_what_is_saved_is_what_is_loaded(made: Outcome, tmp_path: Path):
    save(made, tmp_path)
    back = load(tmp_path)
    pd.testing.assert_frame_equal(back.results, made.results)
    pd.testing.assert_frame_equal(back.labels, made.labels, check_dtype=False)
    assert back.config == made.config
    added = {"schema", "kinds", "sha256"}
    told = {name: value for name, value in back.manifest.items() if name not in added}
    assert told == {**made.manifest, "data": told["data"]}
    assert made.manifest["data"].items() <= told["data"].items()
    assert back.class_names == made.class_names
    if made.images is None:
        assert back.images is None
    else:
        assert back.images is not None
        assert back.images.keys() == made.images.keys()
        assert all(np.array_equal(back.images[id_], image) for id_, image in made.images.items())


@pytest.mark.parametrize(
    ("ids", "labels"),
    [
        ([3, 1], [0, 9]),
        (["007", "7"], ["01", "1"]),
        (["NA", "nan", ""], ["null", "None", "NA"]),
        (['a,"b"\nc', "ü/ø.png"], ["x,y", '"']),
        ([10**15, 2], [0.1, 2 / 3]),
    ],
)
def test_ids_and_labels_keep_their_kind_through_csv(ids: list, labels: list, tmp_path: Path):
    save(small(ids, labels), tmp_path)
    back = load(tmp_path).labels
    assert back["id"].tolist() == ids
    assert back["label"].tolist() == labels
    assert back["score"].isna().all()


def test_a_run_without_questions_can_be_saved(tmp_path: Path):
    save(small([], []), tmp_path)
    assert load(tmp_path).labels.empty


def test_saving_twice_writes_the_same_bytes(tmp_path: Path):
    for folder in ("one", "two"):
        save(classification(seeds=2, rounds=3), tmp_path / folder)
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"config.yaml", "results.parquet", "labels.csv", "images.npz", "manifest.json"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_manifest_holds_the_hash_of_every_other_file(tmp_path: Path):
    save(classification(seeds=2, rounds=3), tmp_path)
    hashes = json.loads((tmp_path / "manifest.json").read_text())["sha256"]
    assert hashes == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.iterdir()
        if path.name != "manifest.json"
    }


def test_only_images_of_asked_points_are_kept(tmp_path: Path):
    made = replace(small([3, 1], [0, 1]), images={3: np.zeros((2, 2)), 99: np.ones((2, 2))})
    save(made, tmp_path)
    images = load(tmp_path).images
    assert images is not None
    assert list(images) == [3]


def test_a_changed_file_is_refused(tmp_path: Path):
    save(small([1], [0]), tmp_path)
    with open(tmp_path / "labels.csv", "a") as file:
        file.write("random,0,0,1,2,1,,\n")
    with pytest.raises(ValueError, match=r"labels\.csv is not the file the run wrote"):
        load(tmp_path)


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(ValueError, match=r"is not a finished run: there is no manifest\.json"):
        load(tmp_path)
    save(small([1], [0]), tmp_path)
    (tmp_path / "results.parquet").unlink()
    with pytest.raises(ValueError, match=r"cannot read results\.parquet"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"schema": 1}'])
def test_a_manifest_that_is_not_one_is_told(content: str, tmp_path: Path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json"):
        load(tmp_path)


def test_a_run_of_another_schema_is_told(tmp_path: Path):
    (tmp_path / "manifest.json").write_text('{"schema": 99}')
    with pytest.raises(ValueError, match="has schema 99, this bayesal reads 1; run it again"):
        load(tmp_path)


def test_incomplete_tables_are_refused():
    made = small([1], [0])
    with pytest.raises(ValueError, match=r"the results need the columns .*, but seed is missing"):
        replace(made, results=made.results.drop(columns="seed"))
    with pytest.raises(ValueError, match=r"the labels need the columns .*, but gain is missing"):
        replace(made, labels=made.labels.drop(columns="gain"))
    with pytest.raises(ValueError, match="the results are empty"):
        replace(made, results=made.results.iloc[:0])
    with pytest.raises(ValueError, match="round 0 of random with seed 0 is in the results twice"):
        replace(made, results=pd.concat([made.results, made.results.iloc[:1]]))


def test_the_baseline_is_the_configurations_if_it_was_run():
    made = classification(seeds=1, rounds=2, images=False)
    assert made.baseline == "random"
    assert replace(made, config={"baseline": None}).baseline is None
    assert replace(made, config={"baseline": "entropy"}).baseline is None
    assert replace(made, config={}).baseline == "random"


def test_pictures_share_one_scale_and_keep_bytes_as_they_are():
    dark, light = np.zeros((1, 4, 4)), np.ones((4, 4))
    shown = pictures_of({"a": dark, "b": light, "c": light / 2}, ["a", "b", "c", "not there"])
    assert list(shown) == ["a", "b", "c"]
    assert shown["a"] != shown["b"] != shown["c"]
    grey = np.full((4, 4), 128, dtype=np.uint8)
    assert pictures_of({"g": grey}, ["g"]) == pictures_of({"g": grey, "h": grey * 0}, ["g"])
    assert pictures_of({"c": np.zeros((3, 4, 4)), "d": np.zeros((4, 4, 3))}, ["c", "d"]).keys() == {"c", "d"}
    assert data_uri(b"x", "png") == "data:image/png;base64,eA=="


@pytest.mark.parametrize("image", [np.zeros(4), np.zeros((2, 4, 4)), np.zeros((0, 4)), np.zeros((1, 1, 2, 2))])
def test_an_image_of_a_wrong_shape_is_told(image: np.ndarray):
    with pytest.raises(ValueError, match="an image must be H W, C H W or H W C"):
        pictures_of({"a": image}, ["a"])


def test_an_image_that_is_not_finite_is_told():
    with pytest.raises(ValueError, match="has values that are not finite"):
        pictures_of({"a": np.full((2, 2), np.nan)}, ["a"])
