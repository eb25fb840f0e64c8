"""Moderations: whoever writes of violence is flagged."""

from __future__ import annotations

from elizanet.testing.question import Question, invalid, plain_text
from elizanet.testing.reply import HttpReply, json_reply

FLAGGED = "violence"


def moderations(question: Question) -> HttpReply:
    """Answer `moderations`: one result for each text, one for a list of parts."""
    given = question.body.get("input")
    if isinstance(given, list) and given and all(isinstance(text, str) for text in given):
        texts = given
    elif given:
        texts = [plain_text(given)]
    else:
        raise invalid("Missing required parameter: 'input'.", "input")
    return json_reply({
        "id": f"modr-{question.number}",
        "model": question.model,
        "results": [_result(text) for text in texts],
    })  # fmt: skip


def _result(text: str) -> dict[str, object]:
    flagged = FLAGGED in text.lower()
    return {
        "flagged": flagged,
        "categories": {FLAGGED: flagged},
        "category_scores": {FLAGGED: 0.99 if flagged else 0.01},
    }
