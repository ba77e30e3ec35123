"""The text of API keys."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import KeyText, new_key, read_key
from tests.domain.building import ANY_TEXT

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
KEYS = st.builds(lambda one: KeyText(f"easel_{one[:16]}", one), HEX)


@given(KEYS)
def test_a_key_is_read_as_what_was_written(key: KeyText) -> None:
    assert read_key(key.text) == key


@given(KEYS, st.data())
def test_one_changed_character_is_noticed_without_asking_the_database(key: KeyText, data: st.DataObject) -> None:
    text = key.text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefABCDEF_ \n") | st.characters(exclude_categories=()))
    changed = text[:place] + other + text[place + 1 :]
    assert changed == text or read_key(changed) is None


@given(ANY_TEXT)
def test_any_other_text_is_no_key(text: str) -> None:
    assert read_key(text) is None


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(1_000)]
    assert all(read_key(key.text) == key for key in keys)
    assert len({key.prefix for key in keys}) == len({key.secret for key in keys}) == 1_000


def test_a_hash_depends_on_the_secret_and_on_the_pepper() -> None:
    one, other = new_key(), new_key()
    assert len({one.hashed(b"a"), one.hashed(b"b"), other.hashed(b"a")}) == 3
    assert one.hashed(b"a") == one.hashed(b"a")
    assert one.secret.encode() not in one.hashed(b"a")
