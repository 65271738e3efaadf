"""What to write into ``relay.toml``, and whether this machine has a vendor's directory to deliver into."""

from __future__ import annotations

from pathlib import Path

VENDORS = {"ds_agent": Path("/opt/ds_agent")}
"""Places whose directory the vendor documents: the install directory of a Deep Security agent or relay."""
_TAKES = {"ds_agent": 'include = ["*.zip"]\n'}
_ANYWHERE = Path("/path/of/the/directory")
_DAYS = 7


def table_for_place(place: str) -> str:
    """Return the table that defines a place, to be appended to ``relay.toml``."""
    directory = VENDORS.get(place, _ANYWHERE)
    takes = _TAKES.get(place, "")
    return f'[[delivery]]\nname = "{place}"\ndirectory = "{directory}"\n{takes}hold_days = {_DAYS}\n'


def suggest_place(config_file: Path, root: Path = Path("/")) -> str | None:
    """Suggest a place for deliveries to who made a relay beside a vendor's program; ``None`` where there is none.

    Args:
        config_file: The relay's configuration.
        root: Where the vendors' directories are below.
    """
    for place, directory in VENDORS.items():
        if (root / directory.relative_to("/")).is_dir():
            return (
                f"There is {directory} on this machine: to have the vendor's bundles put there, "
                f"take the comment signs off [[delivery]] (name = {place!r}) in {config_file}."
            )
    return None
