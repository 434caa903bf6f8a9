"""The SDK's private parts are used as its one tested release has them."""

from importlib.metadata import version

from nacos_integration.sdk import patches


def test_the_release_is_the_one_that_the_patches_are_for() -> None:
    assert version("nacos-sdk-python") == patches.RELEASE, (
        f"nacos_integration/sdk/patches.py was written for nacos-sdk-python {patches.RELEASE}: "
        "check each row of its table against the installed release, then change RELEASE"
    )
