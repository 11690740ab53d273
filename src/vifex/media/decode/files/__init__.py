"""Opening a file safely: sniffing, limits, containers, FFmpeg's log, reports of damage."""
