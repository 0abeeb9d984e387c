"""One line an event, on standard error, ours and the server's alike."""

import logging.config


def configure(level: str) -> None:
    """Send every logger's lines through one format.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
    """
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {
                # Chatty at debug, about nothing that concerns a model.
                **{name: {"level": "INFO"} for name in ("google", "urllib3", "asyncio")},
                # Its line for each retry has no cause; the repository's has.
                "stamina": {"level": "ERROR"},
            },
        }
    )
    logging.captureWarnings(True)
