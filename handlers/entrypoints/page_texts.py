"""What recipients read on their pages, in each language that the pages are in."""

from collections.abc import Mapping
from typing import Final

DEFAULT: Final = "en"

# Where a heading in Chinese may go on in a second line is marked by a "|": browsers do not know its words.
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "language": "English",
        "languages": "Language",
        "title": "Your notifications",
        "receives": "You receive “{category}” by {channel}",
        "unsubscribe": "Unsubscribe from these",
        "unsubscribed": "You are unsubscribed",
        "no_more": "No more “{category}” notifications will be sent to you by {channel}.",
        "resume": "Receive them again",
        "always": "“{category}” notifications are always sent",
        "always_why": "They protect your account, so they cannot be switched off.",
        "always_on": "always on",
        "saved": "Your choices are saved.",
        "mistaken": "Your choices are not saved yet",
        "quiet_why": "enter two different times, or leave both empty.",
        "all": "Everything you can choose",
        "quiet": "Quiet hours",
        "from": "from",
        "until": "until",
        "quiet_help": "Leave both times empty to be notified at any time.",
        "clock": "They are by the clock of {zone}.",
        "zone": "Time zone",
        "zone_why": "choose one from the list.",
        "save": "Save",
        "broken": "This link does not work",
        "broken_why": "It may have been cut off. Open it from the message again.",
        "failed": "This did not work",
        "failed_why": "It is our fault, and nothing was changed. Try again in a moment.",
        "contended_why": "Your settings are being changed from elsewhere. Try again in a moment.",
        "refused": "This cannot be done",
        "refused_why": "Nothing was changed. Open the page from the message again.",
    },
    "zh-Hans": {
        "language": "简体中文",
        "languages": "语言",
        "title": "您的通知",
        "receives": "您正在通过{channel}|接收“{category}”通知",
        "unsubscribe": "退订此类通知",
        "unsubscribed": "您已退订",
        "no_more": "我们不会再通过{channel}向您发送“{category}”通知。",
        "resume": "重新接收",
        "always": "“{category}”通知始终发送",
        "always_why": "此类通知用于保护您的账户，无法关闭。",
        "always_on": "始终开启",
        "saved": "您的选择已保存。",
        "mistaken": "您的选择尚未保存",
        "quiet_why": "请输入两个不同的时间，或将两者都留空。",
        "all": "全部通知设置",
        "quiet": "免打扰时段",
        "from": "开始",
        "until": "结束",
        "quiet_help": "两个时间都留空则随时接收通知。",
        "clock": "按 {zone} 的时间。",
        "zone": "时区",
        "zone_why": "请从列表中选择。",
        "save": "保存",
        "broken": "此链接无效",
        "broken_why": "链接可能不完整。请从消息中重新打开。",
        "failed": "操作未成功",
        "failed_why": "这是我们的问题，设置没有任何改动。请稍后再试。",
        "contended_why": "您的设置正在别处被修改。请稍后再试。",
        "refused": "无法执行此操作",
        "refused_why": "设置没有任何改动。请从消息中重新打开此页面。",
    },
}

CHANNELS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh-Hans": {"email": "电子邮件", "sms": "短信", "push": "推送", "chat": "聊天应用"}
}
"""What channels are called where that is not their `title` in the registry."""

REGIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh-Hans": {
        "Africa": "非洲",
        "America": "美洲",
        "Antarctica": "南极洲",
        "Arctic": "北极",
        "Asia": "亚洲",
        "Atlantic": "大西洋",
        "Australia": "澳大利亚",
        "Europe": "欧洲",
        "Indian": "印度洋",
        "Pacific": "太平洋",
    }
}
"""What continents and oceans are called where that is not how the names of time zones begin."""


def language_of(asked: str | None, locale: str | None, accepted: str | None) -> str:
    """Return the language of a page: the one asked for, the contact's, or the browser's first that there is.

    All Chinese is led to the one script there is, which is nearer than another language.
    """
    ranges = [each.partition(";") for each in (accepted or "").split(",")]
    by_weight = sorted(ranges, key=lambda each: -_weight(each[2]))
    tags = (asked, locale, *(tag for tag, _, of in by_weight if _weight(of) > 0))
    return next((known for tag in tags if tag and (known := _known(tag))), DEFAULT)


def _weight(parameters: str) -> float:
    """Return the `q` of a range of Accept-Language (RFC 9110, 12.5.4); 0 if it is none."""
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


def _known(tag: str) -> str | None:
    language = tag.strip().replace("_", "-").partition("-")[0].lower()
    return next((each for each in TEXTS if each.partition("-")[0] == language), None)
