"""The sections of a study and of other settings: frozen records, one file each."""
