"""All errors that a person can put right, as one tree.

ComboganError
├── SettingsError       a setting that does not exist, or a value that does not fit
├── DomainError         a domain that cannot be found, named or used
├── PictureError        a picture that cannot be read or used
├── FetchError          a published set that could not be fetched completely
├── TransferError       a folder elsewhere that cannot be read or written
├── FeaturesError       pretrained features whose weights are missing or not the published ones
├── DeviceError         hardware that was asked for and is not there
├── WorkersError        a cluster that cannot be reached, or does not fit the run
├── ExportError         packs that cannot become files for other programs, or such a file that cannot be opened
├── ServingError        a web page that cannot be served
├── StorageError        a folder or file that cannot be written, or a full disk
├── RunError            a folder that is not a run, is taken, or cannot go on as asked
│   ├── CheckpointError a damaged checkpoint
│   └── DivergedError   a loss that is no longer a number
└── PackError           a pack that is missing or damaged
    ├── SpaceError      halves of different latent spaces
    └── OriginalError   a published checkpoint that cannot be imported

The message of each is one sentence: what is wrong, what was found, what to do. The command line prints it and exits
with 2; anything else that is raised is a bug and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ComboganError(Exception):
    """Something a person can put right; the message says how."""


class SettingsError(ComboganError):
    """A setting that does not exist, or a value that does not fit."""


class DomainError(ComboganError):
    """A domain that cannot be found, named or used."""


class PictureError(ComboganError):
    """A picture that cannot be read or used."""


class FetchError(ComboganError):
    """A published set that could not be fetched completely."""


class TransferError(ComboganError):
    """A folder elsewhere that cannot be read or written."""


class FeaturesError(ComboganError):
    """Pretrained features whose weights are missing or not the published ones."""


class DeviceError(ComboganError):
    """Hardware that was asked for and is not there."""


class WorkersError(ComboganError):
    """A cluster that cannot be reached, or does not fit the run."""


class ExportError(ComboganError):
    """Packs that cannot become files for other programs, or such a file that cannot be opened."""


class StorageError(ComboganError):
    """A folder or file that cannot be written, or a full disk."""


class ServingError(ComboganError):
    """A web page that cannot be served, because Gradio is missing or the address cannot be used."""


class RunError(ComboganError):
    """A folder that is not a run, is taken, or cannot go on as asked."""


class CheckpointError(RunError):
    """A damaged checkpoint."""


class DivergedError(RunError):
    """A loss that is no longer a number."""


class PackError(ComboganError):
    """A pack that is missing or damaged."""


class SpaceError(PackError):
    """Halves of different latent spaces."""


class OriginalError(PackError):
    """A published checkpoint that cannot be imported."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'winter'?` where a known name is similar, else nothing; to be appended to a sentence."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
