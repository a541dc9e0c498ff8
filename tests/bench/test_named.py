"""Parts of the user's own are found by module:name, and what goes wrong is told in a sentence."""

from pathlib import Path

import pytest
import torch

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.named import load_named, made, method_for
from bayesal.bench.protocol import settle
from bayesal.bench.tasks import load_data
from bayesal.strategies import Grow, Pick


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_parts.py").write_text(
        "from bayesal import methods\n"
        "def wide(num_hypotheses=3):\n    return methods.bald(num_hypotheses)\n"
        "strategy = methods.entropy(7)\n"
        "def itself(belief, pool, batch_size, *, generator):\n    return belief\n"
        "class Kept:\n    part = 5\n"
        "def fails():\n    raise RuntimeError('no weights here\\nsecond line')\n"
        "def needs(width):\n    return width\n"
    )
    (tmp_path / "own_broken.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "own_wrong.py").write_text("1 / 0\n")
    return tmp_path


@pytest.fixture(scope="module")
def config() -> SettledConfig:
    wanted = RunConfig(data="digits", num_hypotheses=11, num_configurations=77)
    return settle(wanted, load_data(wanted, 0))


def test_a_method_has_the_configurations_hypotheses_where_it_takes_them(config: SettledConfig):
    batchbald = method_for(config, "batchbald")
    assert isinstance(batchbald, Grow)
    assert "num_hypotheses=11" in repr(batchbald)
    assert "77" in repr(batchbald)
    assert "num" not in repr(method_for(config, "random"))


def test_a_users_method_may_be_made_or_be_itself(own: Path, config: SettledConfig):
    assert "num_hypotheses=11" in repr(method_for(config, "own_parts:wide"))
    assert method_for(config, "own_parts:itself") is load_named("own_parts:itself", "the method")
    strategy = method_for(config, "own_parts:strategy")
    assert isinstance(strategy, Pick)
    assert "num_hypotheses=7" in repr(strategy)


def test_dots_reach_into_objects(own: Path):
    assert load_named("own_parts:Kept.part", "the thing") == 5


def test_networks_are_taken_and_functions_called():
    net = torch.nn.Linear(2, 2)
    assert made(net, "net") is net
    assert isinstance(made(lambda: net, "make"), torch.nn.Linear)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("own_parts", "the thing 'own_parts' must be written module:name"),
        (":x", "must be written module:name"),
        ("own_absent:x", "there is no module 'own_absent' in this folder or among the installed packages"),
        ("own_broken:x", "cannot load the thing 'own_broken:x': there is no module 'a_module_that_is_not_there'"),
        ("own_wrong:x", "importing own_wrong fails: ZeroDivisionError: division by zero"),
        ("own_parts:Kept.absent", "own_parts has no 'absent'"),
    ],
)
def test_what_cannot_be_loaded_is_told(own: Path, name: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        load_named(name, "the thing")


def test_what_cannot_be_made_is_told(own: Path):
    with pytest.raises(ValueError, match=r"but calling it fails: RuntimeError: no weights here$"):
        made(load_named("own_parts:fails", "it"), "own_parts:fails")
    with pytest.raises(ValueError, match="own_parts:needs must be callable without arguments"):
        made(load_named("own_parts:needs", "it"), "own_parts:needs")
