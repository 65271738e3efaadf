"""What a bundle carries and what a run did, for people and programs: text, JSON, slip."""
