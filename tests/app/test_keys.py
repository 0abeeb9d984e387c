import hashlib
from pathlib import Path

import pytest
from mounted import Secret

from model_deployment_app.app import keys
from model_deployment_app.app.keys import Keys
from model_deployment_app.errors import InvalidConfig, PermissionDenied, Unauthenticated


def key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


@pytest.fixture
def secret(tmp_path):
    return Secret(tmp_path / "api-keys")


@pytest.fixture
def clock(monkeypatch):
    """Monotonic time, which stands still until it is set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(keys.time, "monotonic", lambda: Clock.now)
    return Clock


def test_without_keys_everybody_may_predict_and_nobody_administrate():
    anybody = Keys({})

    assert anybody.admit(None, None, "predict") == "-"
    assert anybody.admit(b"Bearer whatever", None, "predict") == "-"
    with pytest.raises(PermissionDenied, match="set ADMIN_API_KEYS"):
        anybody.admit(None, None, "admin")


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        (b"Bearer one", None),
        (b"bearer one", None),
        (b"BEARER   one ", None),
        (None, b"one"),
        (None, b" one"),
        (b"Bearer two", None),
        (b"Basic dXNlcjpwYXNz", b"two"),
        (b"Bearer wrong", b"one"),
    ],
)
def test_a_key_comes_in_either_header_and_the_one_of_its_own_goes_first(authorization, api_key):
    known = Keys({"API_KEYS": "one, two,"})

    assert known.admit(authorization, api_key, "predict") in {key_id("one"), key_id("two")}


@pytest.mark.parametrize(
    ("authorization", "api_key", "words"),
    [
        (None, None, "missing"),
        (b"", None, "missing"),
        (b"Bearer", None, "missing"),
        (b"Bearer ", None, "missing"),
        (b"one", None, "missing"),
        (b"Basic one", None, "missing"),
        (b"Bearer onE", None, "not known"),
        (b"Bearer one,two", None, "not known"),
        (b"Bearer \xff\xfe\x00", None, "not known"),
        (b"Bearer " + b"x" * 1_000_000, None, "not known"),
        (b"Bearer one", b"wrong", "not known"),
        (None, b"", "not known"),
    ],
)
def test_what_is_no_key_of_ours_is_refused_without_a_word_of_it(authorization, api_key, words):
    known = Keys({"API_KEYS": "one,two"})

    with pytest.raises(Unauthenticated, match=words) as raised:
        known.admit(authorization, api_key, "predict")

    assert len(str(raised.value)) < 200
    assert "wrong" not in str(raised.value)


def test_only_keys_for_administration_administrate_and_they_predict_too():
    known = Keys({"API_KEYS": "user,both", "ADMIN_API_KEYS": "root,both"})

    assert known.admit(None, b"root", "admin") == key_id("root")
    assert known.admit(None, b"root", "predict") == key_id("root")
    assert known.admit(None, b"both", "admin") == key_id("both")
    with pytest.raises(PermissionDenied, match="is for predictions"):
        known.admit(None, b"user", "admin")


@pytest.mark.parametrize("variable", ["API_KEYS", "ADMIN_API_KEYS"])
def test_a_variable_without_a_key_is_refused_and_an_empty_one_is_none(variable):
    with pytest.raises(InvalidConfig, match=f"{variable}: expected keys"):
        Keys({variable: " , "})

    assert not Keys({variable: ""}).are_asked_for


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="API_KEYS_DIR names the mounted Secret"):
        Keys({}, tmp_path / "nothing")


def test_every_entry_of_a_secret_is_a_key_beside_those_of_the_environment(secret):
    secret.write(key1="first\n", key2="  second\r\n", **{"admin-1": "root"})
    known = Keys({"API_KEYS": "fixed"}, secret.folder)

    for key in ("first", "second", "root", "fixed"):
        assert known.admit(None, key.encode(), "predict") == key_id(key)
    assert known.admit(None, b"root", "admin") == key_id("root")


def test_a_plain_folder_does_as_well(tmp_path):
    (tmp_path / "key1").write_text("first")
    (tmp_path / ".hidden").write_text("hidden")
    known = Keys({}, tmp_path)

    assert known.admit(None, b"first", "predict")
    with pytest.raises(Unauthenticated):
        known.admit(None, b"hidden", "predict")


def test_a_new_key_is_taken_at_once_and_a_revoked_one_refused_within_a_second(secret, clock):
    secret.write(key1="old")
    known = Keys({}, secret.folder)

    secret.write(key1="old", key2="new")
    assert known.admit(None, b"new", "predict") == key_id("new")

    secret.write(key2="new")
    clock.now += keys.REREAD_S
    with pytest.raises(Unauthenticated):
        known.admit(None, b"old", "predict")
    assert known.admit(None, b"new", "predict")


def test_an_emptied_secret_lets_nobody_in(secret, clock):
    secret.write(key1="old")
    known = Keys({}, secret.folder)

    secret.write(key1="\n")
    clock.now += keys.REREAD_S

    with pytest.raises(Unauthenticated):
        known.admit(None, b"old", "predict")
    with pytest.raises(Unauthenticated):
        known.admit(None, b"", "predict")
    with pytest.raises(Unauthenticated, match="missing"):
        known.admit(None, None, "predict")


def test_keys_hold_as_long_as_their_folder_cannot_be_read_and_that_is_told_once(secret, clock, caplog):
    secret.write(key1="old")
    known = Keys({}, secret.folder)
    secret.folder.rename(secret.folder.with_name("away"))

    for _ in range(5):
        clock.now += keys.REREAD_S
        assert known.admit(None, b"old", "predict") == key_id("old")

    assert caplog.text.count("those read before hold") == 1


def test_no_key_is_told_to_the_log_or_shown_by_the_object(secret, caplog, clock):
    caplog.set_level("DEBUG")
    secret.write(key1="mounted-secret", admin="admin-secret")
    known = Keys({"API_KEYS": "fixed-secret"}, secret.folder)
    for key in (b"mounted-secret", b"presented-secret"):
        try:
            known.admit(None, key, "admin")
        except (Unauthenticated, PermissionDenied) as error:
            assert "-secret" not in str(error)

    assert "-secret" not in caplog.text
    assert "-secret" not in repr(vars(known))
    assert key_id("mounted-secret") in caplog.text


def test_an_entry_that_vanishes_while_it_is_read_changes_nothing(secret, clock, monkeypatch):
    secret.write(key1="old")
    known = Keys({}, secret.folder)
    secret.write(key1="old", key2="new")
    read_bytes = Path.read_bytes

    def vanish(path: Path) -> bytes:
        if path.name == "key2":
            raise FileNotFoundError(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    with pytest.raises(Unauthenticated):
        known.admit(None, b"new", "predict")
    assert known.admit(None, b"old", "predict")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert known.admit(None, b"new", "predict") == key_id("new")


def test_the_same_files_are_not_read_twice(secret, clock, monkeypatch):
    secret.write(key1="old")
    known = Keys({}, secret.folder)
    reads = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read_bytes(path))[1])

    for _ in range(100):
        with pytest.raises(Unauthenticated):
            known.admit(None, b"unknown", "predict")

    assert reads == []
