"""The Django project that serves k-means as the Nacos service `skl-kmeans`."""

__version__ = "0.1.0"
