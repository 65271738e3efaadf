"""Kind ``suricata``: rule sets from Suricata's index."""
