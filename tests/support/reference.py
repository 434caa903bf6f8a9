"""The reference points, and their labels by the number of clusters."""

REFERENCE_POINTS = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]
REFERENCE_LABELS = {3: [1, 1, 1, 1, 2, 0, 0, 0, 0], 4: [0, 0, 2, 2, 3, 1, 1, 1, 1]}
