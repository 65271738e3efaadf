"""Rules one by one: the formats that we can read, and open rule packs that we can make."""
