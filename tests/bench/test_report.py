"""The report is one whole, offline, harmless page that says everything the run found."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from bayesal.bench import asked as asked_module
from bayesal.bench.asked import asked, class_counts
from bayesal.bench.report import render, verdict, write_report
from bayesal.bench.results import ASKED, Outcome, load, save
from tests.bench.outcomes import classification, regression

VOID = {"meta", "img", "source", "br", "hr", "link", "input", "base", "wbr"}
SECTIONS = {"verdict", "curves", "labels", "asked", "classes", "picks", "cost", "recipe"}
HOSTILE = "\"'><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>{{ 7*7 }}"


class Page(HTMLParser):
    """A strict reader: every element closes in order, and everything that could leave the page is noted."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for own, attributes in self.tags if own == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


@pytest.fixture(scope="module")
def made() -> Outcome:
    return classification(seeds=3, rounds=5)


@pytest.fixture(scope="module")
def page(made: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("run")
    save(made, folder)
    write_report(made, folder)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def read(outcome: Outcome, folder: Path) -> Page:
    return Page(render(outcome, folder))


def test_every_section_is_there_and_linked(page: Page):
    assert set(page.ids) >= SECTIONS
    assert len(page.ids) == len(set(page.ids))
    links = {attributes["href"] for attributes in page.all("a")}
    assert links == {f"#{name}" for name in SECTIONS - {"verdict"}}


def test_the_verdict_stands_on_top_word_for_word(page: Page, made: Outcome):
    for sentence in verdict(made):
        assert sentence in page.text
    assert page.text.index(verdict(made)[0]) < page.text.index("Mean over seeds")


def test_the_page_asks_the_network_for_nothing_and_runs_nothing(page: Page):
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "srcset"}:
                assert value.startswith("data:image/")
            if name == "href":
                assert value.startswith("#")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_every_image_has_an_alternative_text(page: Page):
    images = page.all("img")
    assert images
    assert all(attributes["alt"].strip() for attributes in images)
    plots = [a for a in images if "svg" in a["src"][:30]]
    assert len(plots) == 3
    assert "BatchBALD" in plots[0]["alt"]
    assert len(page.all("source")) == 3, "each plot also for dark screens"


def test_every_table_has_headers(page: Page):
    assert page.all("table")
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))


def test_labels_to_every_level_and_what_is_saved_are_told(page: Page):
    for word in ("80 %", "90 %", "95 %", "saved:", "whole batch that crossed it"):
        assert word in page.text


def test_all_that_was_asked_is_shown_in_its_order(page: Page, made: Outcome):
    first = made.labels[(made.labels["seed"] == 0) & (made.labels["method"] == "batchbald")]
    tiles = [attributes["title"] for attributes in page.all("li") if "title" in attributes]
    assert tiles[: len(first)] == first.sort_values(["round", "order"])["id"].tolist()
    assert len(tiles) == 3 * len(first)


def test_the_recipe_versions_machine_and_hashes_are_there(page: Page, made: Outcome, tmp_path: Path):
    for word in ("batch_size: 10", "bayesal run --config", "bayesal demo", "2.13.0", "Linux 6.1 x86_64", "0, 1 and 2"):
        assert word in page.text
    save(made, tmp_path)
    hashes = load(tmp_path).manifest["sha256"]
    assert len(hashes) == 4
    for digest in hashes.values():
        assert digest in page.text
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == made.config


def test_the_same_outcome_gives_the_same_bytes(made: Outcome, tmp_path: Path):
    assert render(made, tmp_path) == render(made, tmp_path)


def test_a_loaded_run_gives_the_same_report_as_the_run_itself(made: Outcome, tmp_path: Path):
    save(made, tmp_path)
    assert render(load(tmp_path), tmp_path) == render(made, tmp_path)


def test_nothing_in_the_data_becomes_markup(made: Outcome, tmp_path: Path):
    ids = {id_: f"{id_}{HOSTILE}" for id_ in made.labels["id"].unique()}
    assert made.images is not None
    hostile = Outcome(
        config={**made.config, "note": HOSTILE},
        results=made.results.replace({"method": {"bald": HOSTILE}}),
        labels=made.labels.replace({"method": {"bald": HOSTILE}}).assign(id=made.labels["id"].map(ids)),
        manifest={"data": {"name": HOSTILE, HOSTILE: HOSTILE}, "notes": [HOSTILE], "command": HOSTILE},
        images={ids[id_]: image for id_, image in made.images.items()},
        class_names=[f"{number}{HOSTILE}" for number in range(10)],
    )
    html = render(hostile, tmp_path / "a b'c")
    page = Page(html)
    assert not page.all("script")
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert all(attributes["src"].startswith("data:image/") for attributes in page.all("img"))
    assert "alert(1)" in page.text, "it is shown as the text it is"
    assert "{{ 7*7 }}" in page.text


@pytest.mark.parametrize(
    ("faster", "sentence", "mood"),
    [
        (1.6, "Variance reached RMSE", "good"),
        (1.0, "No difference from random could be shown for variance", "open"),
        (0.6, "Variance was worse than random", "bad"),
    ],
)
def test_better_worse_and_neither_are_said_and_coloured(faster: float, sentence: str, mood: str, tmp_path: Path):
    page = read(regression(faster=faster), tmp_path)
    assert sentence in page.text
    assert [attributes["class"] for attributes in page.all("li") if "class" in attributes] == [mood]


def test_one_seed_and_one_method_are_enough_for_a_page(tmp_path: Path):
    page = read(classification(seeds=1, rounds=3), tmp_path)
    assert "One seed cannot show whether BatchBALD beats random" in page.text
    assert "There are results of 1 seed only" in page.text
    alone = read(classification(methods=("batchbald",), seeds=2, rounds=3), tmp_path)
    assert "Nothing was asked at random in this run" in alone.text
    assert "saved" not in alone.text


def test_many_methods_make_a_short_title(tmp_path: Path):
    page = read(classification(methods=("a", "b", "c", "d", "random"), seeds=2, rounds=3, images=False), tmp_path)
    assert "4 methods against random on digits" in page.text


def test_a_regression_has_tables_of_points_and_answers(tmp_path: Path):
    page = read(regression(), tmp_path)
    for word in ("RMSE (lower is better)", "four fifths of it", "random's final value", "lower quarter", "Answers"):
        assert word in page.text
    assert "Classes asked" not in page.text
    assert not [a for a in page.all("img") if "png" in a["src"][:30]]


def test_an_interrupted_run_is_reported_with_its_gaps(made: Outcome, tmp_path: Path):
    results = made.results.copy()
    results.loc[(results["method"] == "bald") & (results["seed"] == 1) & (results["round"] == 2), "accuracy"] = np.nan
    results = results[~((results["method"] == "random") & (results["seed"] == 0))]
    results = results[~((results["method"] == "bald") & (results["seed"] == 2) & (results["round"] > 2))]
    labels = made.labels[~((made.labels["method"] == "random") & (made.labels["seed"] == 0))]
    page = read(replace(made, results=results, labels=labels), tmp_path)
    for sentence in (
        "1 of 13 rounds of BALD have no accuracy and are left out.",
        "random has no results for seed 0.",
        "BALD stops before the 60 labels others have: seed 2 at 40.",
        "The differences of BALD and random leave out seeds 0 and 2, which one has not finished.",
        "Nothing was asked with this seed.",
    ):
        assert sentence in page.text


def test_a_run_that_asked_nothing_yet_has_a_report(made: Outcome, tmp_path: Path):
    start = replace(made, results=made.results[made.results["round"] == 0], labels=pd.DataFrame(columns=list(ASKED)))
    page = read(start, tmp_path)
    assert "picks" not in page.ids
    assert "recipe" in page.ids


def test_bare_tables_without_costs_manifest_or_configuration_have_a_report(tmp_path: Path):
    results = pd.DataFrame([{"method": "random", "seed": 0, "round": 0, "labels": 10, "accuracy": 0.5}])
    page = read(Outcome({}, results, pd.DataFrame(columns=list(ASKED)), {}), tmp_path)
    assert "cost" not in page.ids
    assert "Only random was run" in page.text


def test_large_grids_are_cut_and_say_so(made: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asked_module, "MOST_PICKS", 12)
    monkeypatch.setattr(asked_module, "MOST_CLASSES", 4)
    page = read(made, tmp_path)
    assert "Only the first 12 of 40 are shown; all of them are in labels.csv." in page.text
    assert "6 more classes are not shown; they are in labels.csv." in page.text
    assert len([a for a in page.all("li") if "title" in a]) == 3 * 12


def test_many_notes_are_cut_and_say_so(made: Outcome, tmp_path: Path):
    notes = [f"note number {number}." for number in range(40)]
    page = read(replace(made, manifest={**made.manifest, "notes": notes}), tmp_path)
    assert "note number 11." in page.text
    assert "note number 12." not in page.text
    assert "28 more notes are in manifest.json." in page.text


def test_class_counts_are_means_over_seeds_and_count_every_question(made: Outcome):
    counts = class_counts(made)
    assert counts is not None
    assert [sum(own) for own in zip(*(numbers for *_, numbers in counts.rows), strict=True)] == pytest.approx(
        [40, 40, 40]
    )
    assert sum(share for _, share, _ in counts.rows if share) == pytest.approx(1)
    zero = made.labels[(made.labels["method"] == "batchbald") & (made.labels["label"] == 0)]
    assert counts.rows[0][2][0] == pytest.approx(len(zero) / 3)
    assert counts.methods == ["BatchBALD", "BALD", "random"]
    assert counts.per_batch[1] <= 4, "BALD asked for four classes only"


def test_labels_that_are_words_are_classes_too(made: Outcome):
    words = replace(
        made, labels=made.labels.assign(label=made.labels["label"].map(lambda n: f"word {n}")), class_names=None
    )
    counts = class_counts(words)
    assert counts is not None
    assert [name for name, *_ in counts.rows] == [f"word {number}" for number in range(10)]


def test_a_pick_tells_its_score_and_its_gain(made: Outcome):
    found = asked(made, "batchbald", 0)
    (first, second), row = found.batches[0][1][:2], made.labels.iloc[1]
    assert (first.number, first.score) == (1, first.gain)
    assert second.id == row["id"]
    assert (float(second.score), float(second.gain)) == pytest.approx((row["score"], row["gain"]), abs=0.01)
    assert second.picture is not None
    assert asked(made, "random", 0).batches[0][1][0].score == ""
