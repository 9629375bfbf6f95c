"""What the platforms of chat are sent, each in its own form."""

from typing import Any


def slack_payload(text: str) -> dict[str, Any]:
    """Return the body of a request to Slack: text in Slack's own formatting, its values escaped (`dialects`)."""
    return {"text": text}


def teams_payload(text: str) -> dict[str, Any]:
    """Return the body of a request to Teams: an Adaptive Card of one text, which is shown with a little Markdown."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def discord_payload(text: str) -> dict[str, Any]:
    """Return the body of a request to Discord: text in its Markdown, which cannot call everybody (`@everyone`)."""
    return {"content": text, "allowed_mentions": {"parse": []}}
