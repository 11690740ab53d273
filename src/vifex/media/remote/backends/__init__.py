"""How bytes are asked for, by the kind of server: the web, buckets, other file systems."""
