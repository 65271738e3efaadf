"""The shared core: what a bundle is and when to believe it. No network, no clock of its own."""
