"""Addresses in messages, without what nobody should read there."""

from __future__ import annotations

import re


def hide_password(text: str) -> str:
    """Blot out what stands before the host of an address.

    Args:
        text: Anything that may hold addresses.

    Returns:
        The same without names and passwords.
    """
    return re.sub(r"//[^/@\s]*@", "//***@", text)
