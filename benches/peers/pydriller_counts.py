"""Counts what the newest commits changed, with PyDriller: `python pydriller_counts.py REPOSITORY COMMITS`.

Prints a line for each commit, newest first: its id, how many parents it has, files, lines added and removed.
"""

import itertools
import sys

from pydriller import Repository

commits = Repository(sys.argv[1], order="reverse").traverse_commits()
for commit in itertools.islice(commits, int(sys.argv[2])):
    print(commit.hash, len(commit.parents), commit.files, commit.insertions, commit.deletions)
