"""What changed between two bundles: target by target, rule by rule."""
