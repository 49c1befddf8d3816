"""A converter that sees to it that the service takes what comes out."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from kie.images import convert
from kie.images.convert import accepted, to_accepted
from tests.support import images

Mend = Callable[[bytes], tuple[str | None, Image.Image | None]]


@pytest.fixture
def mend(tmp_path: Path) -> Mend:
    """Makes bytes right unless they are, sees that the service takes the result, and gives the sentence and the picture."""

    def make(content: bytes) -> tuple[str | None, Image.Image | None]:
        target = tmp_path / "right"
        target.unlink(missing_ok=True)
        source = images.written(tmp_path, content)
        if accepted(source):
            return None, None
        told = to_accepted(source, target)
        assert re.fullmatch(r"([A-Z][^.:]+: [^.:]+\. ?){1,2}", told)
        assert accepted(target).bytes <= convert.WRITTEN_BYTES_LIMIT
        with Image.open(target) as image:
            image.load()
        assert not getattr(image, "is_animated", False)
        assert dict(Image.Image.getexif(image)) == {}
        return told, image

    return make
