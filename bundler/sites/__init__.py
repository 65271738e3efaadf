"""The sites that a publisher knows by their receipts."""
