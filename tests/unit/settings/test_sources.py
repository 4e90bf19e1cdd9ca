"""Where the value of a setting comes from, and what is said of a wrong one."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from andon.bundle.manifest import Precision
from andon.errors import UsageError
from andon.settings.serve import ServeSettings
from andon.settings.sources import MAX_FILE_BYTES, Resolved, choices_of, flag_of, resolve, variable_of

NAMES = [field.name for field in msgspec.structs.fields(ServeSettings)]


def settings(
    flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, file: Path | None = None
) -> Resolved[ServeSettings]:
    """Resolve the settings of a service."""
    return resolve(ServeSettings, flags or {}, environment or {}, file, table="serve")


def refusal(
    flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, file: Path | None = None
) -> UsageError:
    """Resolve settings that must be refused."""
    with pytest.raises(UsageError) as caught:
        settings(flags, environment, file)
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of settings."""
    path = tmp_path / "andon.toml"
    path.write_text("[serve]\nport = 7000\nthreads = 2\nprobe = true\nhead_timeout_s = 5\nhost = '::1'\n")
    return path


def test_what_is_not_set_has_its_default() -> None:
    """And says so."""
    resolved = settings()
    assert resolved.settings == ServeSettings()
    assert set(resolved.sources.values()) == {"default"}
    assert list(resolved.sources) == NAMES


def test_a_flag_goes_before_the_environment_and_that_before_a_file(file: Path) -> None:
    """Each value says where it was set."""
    resolved = settings({"port": 9000, "threads": None}, {"ANDON_PORT": "8000", "ANDON_THREADS": "3"}, file)
    found = resolved.settings
    assert (found.port, found.threads, found.probe, found.head_timeout_s) == (9000, 3, True, 5.0)
    sources = resolved.sources
    assert (sources["port"], sources["threads"], sources["host"]) == ("--port", "ANDON_THREADS", str(file))
    assert sources["deadline_ms"] == "default"


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_given_in_each_way(name: str, tmp_path: Path) -> None:
    """As a flag, as a variable and in a file; the value arrives."""
    kind = type(getattr(ServeSettings(), name))
    named: dict[str, Any] = {"host": "::1", "token": "t" * 16, "runtime": "null", "threads": 7, "max_images": 5}
    named |= {"workers": 0, "max_batch": 16}
    named["devices"] = "cuda:0,cuda:1"
    named["precision"] = "bf16"
    value = named.get(name, {int: 2048, float: 2.5, bool: True}.get(kind))
    file = tmp_path / "andon.toml"
    file.write_text(f"[serve]\n{name} = {str(value).lower() if kind in (bool, int, float) else repr(value)}\n")
    for given in (
        settings({name: value}),
        settings({name: str(value)}),
        settings(None, {variable_of(name): str(value)}),
        settings(None, None, file),
    ):
        assert getattr(given.settings, name) == value
        assert given.sources[name] != "default"


def test_an_empty_variable_is_not_set() -> None:
    """A deployment may leave it empty; other variables are none of ours."""
    resolved = settings(None, {"ANDON_PORT": "", "PORT": "1", "ANDON_TEST_DATA": "x"})
    assert resolved.settings == ServeSettings()


@pytest.mark.parametrize(
    ("flags", "environment", "where", "said"),
    [
        ({"port": "x"}, {}, "--port", "port: expected `int`"),
        ({}, {"ANDON_THREADS": "many"}, "ANDON_THREADS", "threads: expected `int`, got `str`"),
        ({"max_images": 0}, {}, "--max-images", "max_images: expected `int` >= 1"),
        ({}, {"ANDON_DEADLINE_MS": "5"}, "ANDON_DEADLINE_MS", "deadline_ms: expected `int` >= 10"),
        ({}, {"ANDON_PROBE": "perhaps"}, "ANDON_PROBE", "probe: expected `bool`"),
        ({}, {"ANDON_HEAD_TIMEOUT_S": "nan"}, "ANDON_HEAD_TIMEOUT_S", "head_timeout_s: expected `float`"),
        ({"devices": "cuda:x"}, {}, "--devices", "devices: expected auto, cpu, cuda, or cards like"),
        ({}, {"ANDON_DEVICES": "cuda:1,cuda:1"}, "ANDON_DEVICES", "devices: cuda:1 stands twice"),
        ({}, {"ANDON_TOKEN": "short"}, "ANDON_TOKEN", "token: expected `str` of length >= 16"),
        ({}, {"ANDON_TOKEN": "with a blank in it"}, "ANDON_TOKEN", "token: expected `str` matching"),
    ],
)
def test_a_wrong_value_names_where_it_was_set(
    flags: dict[str, Any], environment: dict[str, str], where: str, said: str
) -> None:
    """And what the setting takes; a secret is not repeated."""
    error = refusal(flags, environment)
    assert (error.code, error.where) == ("usage.setting", where)
    assert error.message.startswith(said)
    assert "short" not in str(error)
    assert "blank" not in str(error)


def test_a_runtime_may_be_called_null() -> None:
    """It is a name, and not the absence of one."""
    assert settings(None, {"ANDON_RUNTIME": "null"}).settings.runtime == "null"


def test_a_variable_that_kubernetes_sets_is_explained() -> None:
    """A Service called andon sets ANDON_PORT to an address."""
    assert "enableServiceLinks" in refusal(None, {"ANDON_PORT": "tcp://10.0.0.1:80"}).hint


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("[serve]\nport = '80'", "usage.setting", "port: expected `int`, got `str`"),
        ("[serve]\nprobe = 1", "usage.setting", "probe: expected `bool`, got `int`"),
        ("[serve]\nprot = 80", "usage.setting", "there is no setting 'prot'"),
        ("[server]\nport = 80", "usage.setting", "there is no setting 'server'"),
        ("port = 80", "usage.setting", "there is no setting 'port'"),
        ("serve = 80", "usage.setting", "serve is not a table"),
        ("[serve", "usage.path", "is not TOML"),
        ("a = '\xff'", "usage.path", "is not TOML"),
        ("#" * (MAX_FILE_BYTES + 1), "usage.path", "is not TOML: more than"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, code: str, said: str) -> None:
    """TOML has types, so that nothing is guessed; nothing that is written is passed over."""
    file = tmp_path / "andon.toml"
    file.write_text(text, encoding="latin-1")
    error = refusal(None, None, file)
    assert (error.code, error.where.split(",")[0]) == (code, str(file))
    assert error.message.startswith(said)


def test_a_setting_that_is_almost_right_is_suggested(tmp_path: Path) -> None:
    """One that is like nothing gets the list of all."""
    file = tmp_path / "andon.toml"
    file.write_text("[serve]\nmax_que_jobs = 5")
    assert refusal(None, None, file).hint == "did you mean max_queue_jobs?"
    file.write_text("[serve]\nxyzzy = 5")
    assert "port" in refusal(None, None, file).hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Absent, or a folder; an empty one sets nothing."""
    for path in (tmp_path / "absent.toml", tmp_path):
        error = refusal(None, None, path)
        assert (error.code, error.where) == ("usage.path", str(path))
    empty = tmp_path / "empty.toml"
    empty.touch()
    assert settings(None, None, empty).settings == ServeSettings()


def test_names_are_made_alike() -> None:
    """A flag has dashes, a variable is in capitals."""
    assert (flag_of("max_body_bytes"), variable_of("max_body_bytes")) == ("--max-body-bytes", "ANDON_MAX_BODY_BYTES")


def test_a_word_that_is_no_choice_is_refused_with_those_that_are() -> None:
    """Wherever it was set."""
    with pytest.raises(UsageError) as caught:
        settings(None, {"ANDON_PRECISION": "fp8"})
    assert (caught.value.code, caught.value.where) == ("usage.setting", "ANDON_PRECISION")
    assert caught.value.hint == "give fp32 or bf16 or int8"


def test_the_precisions_are_those_of_a_manifest() -> None:
    """They are written twice, because settings know no bundles."""
    (precision,) = [field for field in msgspec.structs.fields(ServeSettings) if field.name == "precision"]
    assert choices_of(precision.type) == get_args(Precision)
