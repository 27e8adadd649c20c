"""What can go wrong with the engines of one machine."""


class EngineError(Exception):
    """A local engine cannot be used."""


class EnginePackageMissingError(EngineError):
    """The package that carries an engine's programs is not installed, or not for this machine."""


class StateFolderError(EngineError):
    """The state folder cannot be used by this account."""


class StateFolderInUseError(EngineError):
    """The engine of this state folder runs already."""


class EngineStartError(EngineError):
    """The engine ended, or did not get ready in time, while it was being started."""
