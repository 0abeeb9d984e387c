"""The charts in k8s_dev/: rendering one, its schema, what two may not share. Knows nothing of serving."""
