"""What a message says: templates, rendering, text messages, links."""
