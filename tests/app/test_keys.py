import hashlib
import logging
import threading
from itertools import count

import pytest
from mounted_secret import Secret

from model_deployment_app.app.keys import REREAD_S, Keys
from model_deployment_app.errors import InvalidConfig, PermissionDenied, Unauthenticated

HOME = "the key of home"


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def secret(tmp_path):
    return Secret(tmp_path / "keys")


def key_id(key):
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def is_known(keys, key, scope="predict"):
    try:
        keys.admit(None, key.encode(), scope)
    except Unauthenticated:
        return False
    return True


def test_without_keys_everybody_may_predict_and_nobody_administers():
    keys = Keys({})

    assert keys.admit(None, None, "predict") == keys.admit(b"Bearer x", b"y", "predict") == "-"
    with pytest.raises(PermissionDenied, match="no key is configured for administration"):
        keys.admit(None, b"x", "admin")


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        (b"Bearer the key of home", None),
        (b"bearer the key of home", None),
        (b"BEARER   the key of home  ", None),
        (b"  Bearer\tthe key of home", None),
        (None, b"the key of home"),
        (None, b" \tthe key of home "),
        (b"Basic dXNlcjpwdw==", b"the key of home"),
        (b"Bearer another", b"the key of home"),
        (b"Bearer the key of home", b""),
        (b"Bearer the key of home", b"  "),
    ],
)
def test_a_key_comes_in_either_header(authorization, api_key):
    keys = Keys({"API_KEYS": f"first, {HOME} ,"})

    assert keys.admit(authorization, api_key, "predict") == key_id(HOME)


@pytest.mark.parametrize(
    ("authorization", "api_key", "words"),
    [
        (None, None, "is missing"),
        (b"", b"", "is missing"),
        (b"Bearer", None, "is missing"),
        (b"Bearer  ", None, "is missing"),
        (b"Bearerthe key of home", None, "is missing"),
        (b"the key of home", None, "is missing"),
        (b"Basic the key of home", None, "is missing"),
        (b"Bearer the key of hom", None, "is not known"),
        (b"Bearer The key of home", None, "is not known"),
        (b"Bearer Bearer the key of home", None, "is not known"),
        (b"Bearer the key of home", b"another", "is not known"),
        (None, b"first,the key of home", "is not known"),
        (None, b"the key of home\x00", "is not known"),
        (None, b"\xff\xfe", "is not known"),
        (None, b"k" * 1_000_000, "is not known"),
    ],
)
def test_anything_else_is_refused(authorization, api_key, words):
    keys = Keys({"API_KEYS": f"first,{HOME}"})

    with pytest.raises(Unauthenticated, match=words) as refusal:
        keys.admit(authorization, api_key, "predict")

    assert HOME not in str(refusal.value)


def test_a_key_may_hold_what_is_not_ascii():
    keys = Keys({"API_KEYS": "schlüssel"})

    assert keys.admit(None, "schlüssel".encode(), "predict") == key_id("schlüssel")


def test_a_key_for_predictions_does_not_administer():
    keys = Keys({"API_KEYS": "mine,both", "ADMIN_API_KEYS": "theirs,both"})

    assert keys.admit(None, b"theirs", "admin") == keys.admit(None, b"theirs", "predict") == key_id("theirs")
    assert keys.admit(None, b"both", "admin") == key_id("both")
    with pytest.raises(PermissionDenied, match=f"{key_id('mine')} is for predictions"):
        keys.admit(None, b"mine", "admin")


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_a_variable_without_a_key_is_refused_and_opens_nothing(text):
    with pytest.raises(InvalidConfig, match="API_KEYS: expected keys, separated by commas, got none"):
        Keys({"API_KEYS": text})


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="cannot be read: No such file"):
        Keys({}, tmp_path / "nothing")


def test_every_entry_of_a_secret_is_a_key_and_admin_is_in_its_name(secret):
    secret.put({"key1": "one\r\n", "key2": "two, with a comma\n", "admin-key": " three ", ".hidden": "four"})

    keys = Keys({"API_KEYS": "five"}, secret.folder)

    assert all(is_known(keys, key) for key in ("one", "two, with a comma", "three", "four", "five"))
    assert keys.admit(None, b"three", "admin") == key_id("three")


def test_an_entry_that_cannot_be_a_key_is_told_of(secret, caplog):
    secret.put({"empty": "  \n", "lines": "one\ntwo", "key": "good"})

    keys = Keys({}, secret.folder)

    assert is_known(keys, "good")
    assert not any(is_known(keys, key) for key in ("one", "two", "one\ntwo"))
    assert [line.partition("keys/")[2] for line in caplog.messages] == [
        "empty is empty, and no API key",
        "lines is no API key: expected one line of at most 8192 bytes",
    ]


def test_a_plain_folder_holds_keys_too(tmp_path):
    (tmp_path / "key1").write_text("one")
    (tmp_path / "folder").mkdir()
    keys = Keys({}, tmp_path)

    (tmp_path / "key1").write_text("two")

    assert is_known(keys, "two")
    assert not is_known(keys, "one")


def test_a_new_key_is_known_at_once(secret):
    secret.put({"key1": "one"})
    keys = Keys({}, secret.folder, now=Clock())

    secret.put({"key1": "one", "key2": "two"})

    assert is_known(keys, "two")
    assert is_known(keys, "one")


def test_a_key_that_is_gone_is_refused_within_a_second(secret):
    clock = Clock()
    secret.put({"key1": "one", "key2": "two"})
    keys = Keys({}, secret.folder, now=clock)

    secret.put({"key2": "two"})
    clock.seconds += REREAD_S

    assert not is_known(keys, "one")
    assert is_known(keys, "two")


def test_an_emptied_secret_lets_nobody_in(secret, caplog):
    caplog.set_level(logging.INFO)
    secret.put({"key1": "one"})
    keys = Keys({}, secret.folder)

    secret.put({})

    assert not is_known(keys, "another")
    assert not is_known(keys, "one")
    assert "none, so nobody is let in" in caplog.text


def test_while_the_folder_is_gone_the_old_keys_hold_and_one_line_says_so(secret, caplog):
    clock = Clock()
    secret.put({"key1": "one"})
    keys = Keys({}, secret.folder, now=clock)
    aside = secret.folder.rename(secret.folder.with_name("aside"))

    for _ in range(5):
        clock.seconds += REREAD_S
        assert is_known(keys, "one")
        assert not is_known(keys, "another")
    first = list(caplog.messages)
    aside.rename(secret.folder)
    secret.put({"key2": "two"})

    assert len(first) == 1
    assert "those read before hold: No such file" in first[0]
    assert is_known(keys, "two")
    assert not is_known(keys, "one")


def test_the_keys_that_are_read_are_told_of_once_a_change_and_by_their_ids(secret, caplog):
    caplog.set_level(logging.INFO)
    clock = Clock()
    secret.put({"key1": "one"})
    keys = Keys({}, secret.folder, now=clock)

    for _ in range(3):
        clock.seconds += REREAD_S
        is_known(keys, "another")
        secret.put({"key1": "one"})
    secret.put({"admin": "two"})
    is_known(keys, "two")

    assert [line.partition("keys: ")[2] for line in caplog.messages] == [
        f"{key_id('one')} (predict)",
        f"{key_id('two')} (admin)",
    ]


def test_guesses_do_not_read_the_entries_again(secret, monkeypatch):
    secret.put({f"key{number}": f"key {number}" for number in range(5)})
    keys = Keys({}, secret.folder)
    monkeypatch.setattr("model_deployment_app.mounted.read", None)

    assert not any(is_known(keys, f"guess {number}") for number in range(1000))


def test_a_key_that_stays_is_known_whenever_its_secret_changes(secret):
    secret.put({"stays": "one", "changes": "0"})
    keys = Keys({}, secret.folder, now=count(0.0, REREAD_S).__next__)
    ended = threading.Event()
    refused = []

    def ask():
        while not ended.is_set():
            if not is_known(keys, "one"):
                refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(300):
        secret.put({"stays": "one", "changes": str(number)})
        assert is_known(keys, str(number))
    ended.set()
    for thread in threads:
        thread.join()

    assert refused == []
