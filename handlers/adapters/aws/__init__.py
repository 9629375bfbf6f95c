"""The ports that AWS answers."""
