"""What the law says, as versioned YAML (laws, violation codes, concepts, frames, exemptions) and its checked loader."""
