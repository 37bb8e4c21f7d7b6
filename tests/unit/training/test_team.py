"""Who trains together: what is read from the environment, and what is composed for it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.errors import ConfigError
from scanops.training import team

HOSTS = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
ADDRESSES = st.tuples(HOSTS, st.integers(1, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}")


@given(st.lists(ADDRESSES, min_size=2, max_size=8), st.data())
def test_what_is_composed_is_read_again(addresses: list[str], data: st.DataObject) -> None:
    """Each worker finds the others in order, and its own place; the first is the chief."""
    place = data.draw(st.integers(0, len(addresses) - 1))
    found = team.read({team.VARIABLE: team.compose(addresses, place)}, len(addresses))
    assert found is not None
    assert (list(found.addresses), found.place) == (addresses, place)
    assert found.is_chief == (place == 0)


def test_a_scheduler_may_name_a_chief() -> None:
    """The job `chief` comes first, whatever place the workers have among themselves."""
    cluster = {"worker": ["b:2", "c:3"], "chief": ["a:1"], "evaluator": ["e:5"]}
    places = {("chief", 0): 0, ("worker", 0): 1, ("worker", "1"): 2}
    for (job, index), place in places.items():
        config = json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})
        found = team.read({team.VARIABLE: config}, 3)
        assert found == team.Team(("a:1", "b:2", "c:3"), place, ("chief 0", "worker 0", "worker 1"))


@pytest.mark.parametrize("text", ["", " ", "{}", json.dumps({"cluster": {}, "task": {}})])
def test_no_cluster_is_no_team(text: str) -> None:
    """An empty TF_CONFIG, as some schedulers set it, changes nothing."""
    assert team.read({team.VARIABLE: text}, 2) is None
    assert team.read({}, 2) is None


def test_a_cluster_of_one_is_no_team() -> None:
    """One worker trains as without TF_CONFIG."""
    assert team.read({team.VARIABLE: team.compose(["a:1"], 0)}, 1) is None


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no JSON object"),
        ('{"cluster": []}', "that is no object"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": "chief"}', "that is no object"),
        ('{"cluster": {"worker": "a:1"}}', "no list of `host:port`"),
        ('{"cluster": {"worker": ["a", "b:2"]}}', "no list of `host:port`"),
        ('{"cluster": {"worker": ["a:0", "b:2"]}}', "no list of `host:port`"),
        ('{"cluster": {"worker": [1, 2]}}', "no list of `host:port`"),
        ('{"cluster": {"worker": ["a:1", "b:2"], "ps": ["c:3"]}}', "job `ps`"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}}', "this is `None None`"),
        (team.compose(["a:1", "b:2"], 2), "this is `worker 2`"),
        (team.compose(["a:1", "b:2"], -1), "this is `worker -1`"),
        (team.compose(["a:1", "b:2", "c:3"], 0), "names 3 worker(s), but training.workers is 2"),
        (team.compose(["a:1"], 0), "names 1 worker(s), but training.workers is 2"),
    ],
)
def test_bad_configs_are_refused(config: str, fault: str) -> None:
    """What cannot be obeyed is told with the variable's name and a remedy."""
    with pytest.raises(ConfigError) as told:
        team.read({team.VARIABLE: config}, 2)
    assert str(told.value).startswith("TF_CONFIG: ")
    assert fault in str(told.value)
    assert "unset it" in told.value.remedy


@given(st.text(max_size=60), st.integers(1, 4))
def test_any_text_is_read_or_refused(text: str, workers: int) -> None:
    """Nothing in TF_CONFIG leads to another error than one of configuration."""
    with contextlib.suppress(ConfigError):
        team.read({team.VARIABLE: text}, workers)


def test_the_lost_worker_is_found_in_an_error() -> None:
    """TensorFlow's own words name a task; messages name the worker, and never this one."""
    own = team.Team(("a:1", "b:2", "c:3"), 1, ("worker 0", "worker 1", "worker 2"))
    text = "from /job:worker/task:1: unhealthy: /job:worker/replica:0/task:2 stopped sending heartbeats"
    assert own.named_in(text) == "worker 2 (c:3)"
    assert own.named_in("connection reset") == "a worker"
    assert own.named_in("/job:worker/task:7") == "a worker"


def test_hosts_are_read() -> None:
    """Names are separated by commas; without any, all workers run here."""
    assert team.hosts({}, 2) is None
    assert team.hosts({team.HOSTS_VARIABLE: " "}, 2) is None
    assert team.hosts({team.HOSTS_VARIABLE: "a.example, 10.0.0.2"}, 2) == ["a.example", "10.0.0.2"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("a", "names 1 host(s), but training.workers is 2"),
        ("a,b,c", "names 3 host(s)"),
        ("a,-oProxyCommand=x", "is no host name"),
        ("a,", "is no host name"),
        ("a,b c", "is no host name"),
        ("a,root@b", "is no host name"),
    ],
)
def test_bad_hosts_are_refused(value: str, fault: str) -> None:
    """Too few or too many, and whatever ssh could take for an option."""
    with pytest.raises(ConfigError, match="SCANOPS_TRAIN_HOSTS") as told:
        team.hosts({team.HOSTS_VARIABLE: value}, 2)
    assert fault in str(told.value)


@pytest.mark.parametrize("value", ["x", "80", "65535", "70000", "-1", "²"])
def test_bad_ports_are_refused(value: str) -> None:
    """Each worker needs a port of its own, from 1024 up."""
    with pytest.raises(ConfigError, match="SCANOPS_TRAIN_PORT"):
        team.first_port({team.PORT_VARIABLE: value}, 2)
    assert team.first_port({team.PORT_VARIABLE: "65534"}, 2) == 65534
    assert team.first_port({}, 2) == team.FIRST_PORT
