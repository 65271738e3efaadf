"""What is on this machine's disks: durable writes, content by its digest, locks, secrets."""
