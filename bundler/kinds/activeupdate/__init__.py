"""Kind ``activeupdate``: a classic ActiveUpdate tree."""
