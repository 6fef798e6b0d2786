"""Files that become events: JSON lines, subtitles, tables. A source reads and checks; it stores nothing."""
