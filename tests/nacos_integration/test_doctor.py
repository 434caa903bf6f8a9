"""What the doctor says of a config that no server can be made to keep."""

from nacos_integration import conf, doctor


class Blank:
    """Answers as a server with a blank config, which the tested servers refuse to publish."""

    def get_config(self) -> str:
        return " \n"


def test_a_blank_config_is_empty() -> None:
    readable, empty = doctor._config(conf.load(), Blank())  # type: ignore[arg-type]
    assert readable.ok
    assert (empty.ok, empty.what) == (False, "the config DEFAULT_GROUP/skl-kmeans is empty")
