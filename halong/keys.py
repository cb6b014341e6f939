"""A new key of a hub's API."""

import secrets

from storage.keys import write_key


def new_key() -> str:
    """The text of a key that nobody can guess: a random id and 256 random bits."""
    return write_key(secrets.token_hex(6), secrets.token_urlsafe(32))
