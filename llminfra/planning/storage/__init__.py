"""Where models lie and how fast they come from there: buckets, file systems, disks, copies from the Hub."""
