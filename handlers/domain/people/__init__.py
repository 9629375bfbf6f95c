"""Who is reached: contacts, devices, addresses, settings, quiet hours, locales."""
