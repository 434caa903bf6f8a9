"""The parameters of k-means, named as scikit-learn names them, but `clusters` for `n_clusters`."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, repr=False)
class KMeansParameters:
    """The parameters of one fit. The defaults are the endpoint's contract.

    scikit-learn's own default of `n_init` means one restart, and gives other labels.
    """

    clusters: int = 3
    n_init: int = 10
    max_iter: int = 300
    tol: float = 1e-4
    # `k-means++` or `random`.
    init: str = "k-means++"
    random_state: int = 9

    def __repr__(self) -> str:
        """Return `clusters`, and what differs from its default, as scikit-learn does."""
        shown = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name == "clusters" or getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"
