"""Kind ``dsa``: what ``dsa_control -b`` packs."""
