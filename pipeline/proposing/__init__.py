"""From a stranger's table to a study: what its columns mean, and what to ask of it, each with a reason.

Guesses come from names, in a few languages, and from how values are laid out. What cannot be guessed is asked
for or refused; nothing is written here but the study (and the table of the demonstration).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "propose": ["Proposal", "propose"],
        "wishes": ["Wishes"],
    },
)
