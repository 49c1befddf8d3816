"""Classifies the service's failure messages, because its codes are too coarse: 400 and 500 are used for all of them.

Sources: reports of public clients; the finish reasons of the Gemini API; the texts of other services for image generation.
"""

import re

# Finish reasons of the model: alone or within a sentence, possibly truncated.
_FILTER_REASONS = re.compile(
    r"\b(image_)?(safety|prohibited_con\w*|recitation|blocklist|spii)\b(?! (system|checker|filter|service))"
    r"|\bimage_other\b|\bcontent_(policy|filter|blocked)\w*",
)
_FILTERED = re.compile(
    r"filtered|flagged|violat|prohibited|disallowed|moderat|nsfw|safety|unsafe|recitation|(?<!case.)sensitive"
    r"|(?<!cors )(?<!retry )polic(y|ies)|responsible ai|guideline|terms of (use|service)|inappropriate|harmful"
    r"|explicit content|sexual|pornogra|nudity|violence|hate speech|copyright|public figure"
    r"|(declined|refused|refuses|unwilling) to (generate|create|make|draw|edit|process|produce|fulfil)"
    r"|blocked (by|due|because|for|as)|(content|prompt|request|image|output|response)s? (was|were|is|has been) (blocked|rejected)"
    r"|敏感|违规|违反|审核|色情",
)
# The filter itself failed: the same request may pass later.
_PASSING = re.compile(
    r"internal (server )?error|unavailable|overload|too many requests|rate limit|timed? ?out|server is busy"
)
_NOT_DONE = r"(fail(ed|ure|s)?|unable|could ?n[o']t|can(no|')t|can not|error( while| when)?)( to)?( be)?"
_IMAGE = r"(image|picture|photo|file|reference|url|link|input|media)"
_ADDRESS = r"https?://\S+\.(png|jpe?g|webp)\b"
_LOST_UPLOAD = re.compile(
    rf"\b{_NOT_DONE} (download|fetch|retriev)"
    rf"|\b{_NOT_DONE} (process|load|read|open|get|decode|parse|access|reach|find|identify)\w*\W+([\w-]+\W+){{0,4}}{_IMAGE}"
    r"|\b(fetch|download|retrieval)(ing)?( has| of [^.]{1,80})? (failed|error)"
    rf"|(invalid|expired|unreachable|inaccessible|broken|unsupported|bad)\W+([\w-]+\W+){{0,2}}(image|file|media)"
    rf"|(image|file|media)([ _-]\w+){{0,3}}:? (is |are |was |has |have )?(been )?(not |no longer )?"
    r"(invalid|valid|expired|unreachable|reachable|inaccessible|accessible|available|found|deleted)\b"
    rf"|\b(403|404|410|forbidden|not found|access ?denied)\b.*{_ADDRESS}|{_ADDRESS}.*\b(403|404|410|forbidden|not found|access ?denied)\b",
    re.DOTALL,
)


def is_filtered(code: str | None, message: str | None) -> bool:
    """Return whether the service's content filter stopped a request, so that the same one would be stopped again."""
    said = _said(code, message)
    return bool(_FILTER_REASONS.search(said)) or (bool(_FILTERED.search(said)) and not _PASSING.search(said))


def is_lost_upload(code: str | None, message: str | None) -> bool:
    """Return whether the service could not download a reference. True in doubt, because uploading again costs nothing."""
    return bool(_LOST_UPLOAD.search(_said(code, message)))


def _said(code: str | None, message: str | None) -> str:
    return f"{code or ''} {message or ''}".lower().replace("’", "'")
