"""How much one may ask for, as an option or an argument. Nothing is imported here, for a command's help names these."""

MOST_JOBS = 4  # staging threads: each has a chunk in memory; for more start more instances
MOST_SAMPLES = 10_000  # rows of what a check finds: they are kept in memory
MOST_PAST = 10  # records that are not current, of a load that is shown
MOST_DAYS = 92  # a chart shows
