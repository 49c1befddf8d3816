"""What the service's words for a failure mean, in the words of several services."""

import pytest

from kie.client.failure_messages import is_filtered, is_lost_upload

FILTERED = [
    "IMAGE_SAFETY",
    "blocked by the safety system",
    "NSFW content detected",
    "PROHIBITED_CONTENT",
    "RECITATION",
    "IMAGE_OTHER",
    "IMAGE_RECITATION",
    "Generation stopped: SPII",
    "content_policy_violation",
    "Internal Error: IMAGE_SAFETY",
    "Your request was rejected as a result of our safety system.",
    "This prompt contains sensitive words that violate Google's Responsible AI practices",
    "The model declined to generate this picture.",
    "Request blocked due to copyright",
    "内容违规，请修改后重试",
]
MAY_PASS = [
    "Internal Error, Please try again later.",
    "internal error",
    "generate task timeout",
    "The safety system is temporarily unavailable",
    "Internal error in the safety checker",
    "field names are case-sensitive",
    "connection refused",
    "No images found in AI response",
    "retry policy exceeded",
    "",
]
LOST = [
    "Unable to process input image",
    "failed to download",
    "could not fetch",
    "invalid image url",
    "403 Client Error: Forbidden for url: https://files.example/a.png",
    "https://files.example/a.jpg returned 404",
    "Image fetch failed. Check access settings or use our File Upload API instead.",
    "Couldn’t download the file",
    "image_input is not accessible",
    "The image url has expired",
    "Error while downloading image",
    "Failed to load reference image 2",
    "Download failed",
]
NOT_LOST = [
    "Internal Error, Please try again later.",
    "This field is required",
    "Not found",
    "Failed to process request",
    "failed to load model",
    "404: see https://docs.example/errors",
    "image is too large",
    "",
]


@pytest.mark.parametrize("message", FILTERED)
def test_what_the_content_filter_stopped_is_known_in_other_words(message: str) -> None:
    assert is_filtered("400", message)
    assert is_filtered(message, None)


@pytest.mark.parametrize("message", MAY_PASS)
def test_what_may_pass_when_it_is_tried_again_is_not_taken_for_the_filter(message: str) -> None:
    assert not is_filtered("500", message)


@pytest.mark.parametrize("message", LOST)
def test_a_reference_that_the_service_cannot_read_is_known_in_other_words(message: str) -> None:
    assert is_lost_upload("400", message)


def test_the_code_and_the_address_may_stand_apart() -> None:
    assert is_lost_upload("404", "https://files.example/a.webp?x=1")


@pytest.mark.parametrize("message", NOT_LOST)
def test_another_failure_is_not_taken_for_a_lost_reference(message: str) -> None:
    assert not is_lost_upload("500", message)
