"""The source of a mail: headers and parts as a mailbox gets them."""

from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

from local.sandbox.messages import Message

_POLICY = policy.SMTP.clone(linesep="\n", utf8=True, max_line_length=998)  # as long as a line may be: nothing is folded
_READABLE = "8bit"
_OF_PARTS = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version"})


def source_of(message: Message) -> str | None:
    """Return the mail as it was given, or as its provider makes it of what it was told; None of what is no mail.

    Providers add headers of the way that a mail takes (`Received`, `DKIM-Signature`), which it does not take here.
    """
    if message.channel != "email" or message.raw is not None:
        return message.raw
    headers = {"Date": format_datetime(message.at), "To": message.to, "Subject": message.subject or ""}
    mime = EmailMessage(policy=_POLICY)
    for name, value in (*message.headers, *headers.items()):
        if name.lower() not in _OF_PARTS and name not in mime:
            mime[name] = " ".join(value.split())  # a line break would begin another header
    is_html = message.content_type == "text/html"
    mime.set_content((message.text or "") if is_html else message.body, cte=_READABLE)
    if is_html and message.text:
        mime.add_alternative(message.body, subtype="html", cte=_READABLE)
    elif is_html:
        mime.set_content(message.body, subtype="html", cte=_READABLE)
    return mime.as_bytes().decode("utf-8", "replace")
